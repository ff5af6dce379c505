//! What routes say of responses, made ready for requests.

use super::AssemblyError;
use crate::config::{ErrorPage, Hsts, ResponseEdits};
use crate::snapshot::{ErrorPages, Page, ResponseRules};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

/// The largest page in bytes.
const LARGEST_PAGE: u64 = 64 * 1024;

const HSTS: &str = "Strict-Transport-Security";

/// A route's rules, if it has any. Strict-Transport-Security goes out over TLS alone (RFC 6797 section 7.2).
pub(super) fn rules(edits: &ResponseEdits, tls: bool) -> Option<Box<ResponseRules>> {
    let mut set = edits.set.clone();
    if let Some(hsts) = edits.hsts.filter(|_| tls) {
        set.retain(|(name, _)| !name.eq_ignore_ascii_case(HSTS));
        set.push((HSTS.to_owned(), policy(hsts)));
    }
    ResponseRules::new(&edits.remove, &set).map(Box::new)
}

/// RFC 6797 section 6.1; `preload` is what makers of browsers ask for.
fn policy(hsts: Hsts) -> String {
    let mut policy = format!("max-age={}", hsts.max_age.as_secs());
    for (wanted, directive) in [(hsts.include_subdomains, "; includeSubDomains"), (hsts.preload, "; preload")]
    {
        if wanted {
            policy.push_str(directive);
        }
    }
    policy
}

/// Reads pages.
pub(super) fn pages(configured: &[ErrorPage]) -> Result<ErrorPages, AssemblyError> {
    let read = |page: &ErrorPage| {
        let told = |why: String| AssemblyError::Page(page.file.display().to_string(), why);
        let text = read_page(&page.file).map_err(|error| told(error.to_string()))?;
        let text = String::from_utf8(text).map_err(|_| told("not UTF-8".to_owned()))?;
        Ok((page.statuses.clone(), Arc::new(Page::new(&text))))
    };
    configured.iter().map(read).collect::<Result<_, _>>().map(ErrorPages::new)
}

/// The configuration was checked a moment ago, but files change.
fn read_page(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    std::fs::File::open(path)?.take(LARGEST_PAGE + 1).read_to_end(&mut text)?;
    if text.len() as u64 > LARGEST_PAGE {
        return Err(std::io::Error::other("larger than 64 KiB"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_policy_reads_as_the_standard_says() {
        let hsts = |include_subdomains, preload| Hsts {
            max_age: Duration::from_secs(31_536_000),
            include_subdomains,
            preload,
        };
        assert_eq!(policy(hsts(false, false)), "max-age=31536000");
        assert_eq!(policy(hsts(true, true)), "max-age=31536000; includeSubDomains; preload");
    }

    #[test]
    fn a_policy_is_for_tls_and_replaces_what_was_set() {
        let edits = ResponseEdits {
            remove: Vec::new(),
            set: vec![("strict-transport-security".to_owned(), "max-age=1".to_owned())],
            hsts: Some(Hsts { max_age: Duration::from_secs(2), include_subdomains: false, preload: false }),
        };
        assert_eq!(rules(&edits, true).unwrap().lines(), b"Strict-Transport-Security: max-age=2\r\n");
        let plain = ResponseEdits { set: Vec::new(), ..edits };
        assert!(rules(&plain, false).is_none());
    }
}
