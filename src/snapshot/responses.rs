//! What a route says of responses: fields to take out and to set, and pages for the edge's own answers.
//!
//! All of it is made ready when a configuration is put to work: a request only compares names and copies bytes.

use std::fmt::Write;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// Fields that no rule touches: they frame messages (RFC 9112 sections 6 and 9) or carry an authentication that is
/// under way (RFC 9110 section 11.6). A configuration that names them is refused before it comes here.
const UNTOUCHED: [&str; 12] = [
    "connection",
    "content-length",
    "keep-alive",
    "persistent-auth",
    "proxy-authenticate",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "www-authenticate",
    "authentication-info",
];

/// Fields that rules change in backends' responses only. The edge's own answers are of their own type, and no cache may
/// keep one: a site that is down for a moment would be down for as long as its pages may be kept.
const ONLY_OF_BACKENDS: [&str; 4] =
    ["content-type", "cache-control", "cdn-cache-control", "surrogate-control"];

/// What is changed in a route's responses: the backends' and the edge's own.
#[derive(Debug)]
pub struct ResponseRules {
    /// Taken out, in lower case: what is removed, and what is set anew.
    names: Vec<Box<str>>,
    /// One bit for each length that one of them has.
    lengths: u64,
    /// The lines that are set, each with its CRLF.
    lines: String,
    /// The same without [`ONLY_OF_BACKENDS`].
    own: String,
}

impl ResponseRules {
    /// Rules that take fields called `remove` out and put `set` in; none if that is nothing.
    #[must_use]
    pub fn new(remove: &[String], set: &[(String, String)]) -> Option<Self> {
        let mut rules = Self { names: Vec::new(), lengths: 0, lines: String::new(), own: String::new() };
        for name in remove.iter().chain(set.iter().map(|(name, _)| name)) {
            let name = name.to_ascii_lowercase();
            if is_touchable(&name) && !rules.drops(&name) {
                rules.lengths |= length_bit(&name);
                rules.names.push(name.into());
            }
        }
        for (name, value) in set.iter().filter(|(name, _)| is_touchable(name)) {
            // Never a second line, whatever the value is.
            let value = value.replace(['\r', '\n', '\0'], " ");
            let _ = write!(rules.lines, "{name}: {value}\r\n");
            if !is_only_of_backends(name) {
                let _ = write!(rules.own, "{name}: {value}\r\n");
            }
        }
        (!rules.names.is_empty()).then_some(rules)
    }

    /// Whether fields of this name are taken out; case does not matter.
    #[must_use]
    #[inline]
    pub fn drops(&self, name: &str) -> bool {
        self.lengths & length_bit(name) != 0
            && self.names.iter().any(|known| known.eq_ignore_ascii_case(name))
    }

    /// The lines that are put in, each with its CRLF.
    #[must_use]
    pub fn lines(&self) -> &[u8] {
        self.lines.as_bytes()
    }

    /// The header lines of an answer of the edge's own, as these rules leave them.
    #[must_use]
    pub fn applied_to(&self, lines: &str) -> String {
        let stays = |line: &&str| {
            let name = line.split(':').next().unwrap_or_default();
            is_only_of_backends(name) || !self.drops(name)
        };
        lines.split_inclusive("\r\n").filter(stays).collect::<String>() + &self.own
    }
}

fn is_only_of_backends(name: &str) -> bool {
    ONLY_OF_BACKENDS.iter().any(|known| name.eq_ignore_ascii_case(known))
}

fn is_touchable(name: &str) -> bool {
    !UNTOUCHED.iter().any(|untouched| name.eq_ignore_ascii_case(untouched))
}

/// Lengths from 63 on share a bit.
fn length_bit(name: &str) -> u64 {
    1 << name.len().min(63)
}

/// A page of the site's for answers of the edge's own.
#[derive(Debug, PartialEq, Eq)]
pub struct Page {
    text: Box<str>,
    /// What is put in, and where in `text`.
    marks: Vec<(usize, Mark)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    Status,
    RequestId,
}

impl Page {
    /// The page in which `{status}` and `{request_id}` stand for theirs.
    #[must_use]
    pub fn new(template: &str) -> Self {
        let (mut text, mut marks) = (String::with_capacity(template.len()), Vec::new());
        let mut rest = template;
        while let Some(brace) = rest.find('{') {
            text.push_str(&rest[..brace]);
            rest = &rest[brace..];
            let known = [("{status}", Mark::Status), ("{request_id}", Mark::RequestId)];
            match known.into_iter().find(|(word, _)| rest.starts_with(word)) {
                Some((word, mark)) => {
                    marks.push((text.len(), mark));
                    rest = &rest[word.len()..];
                }
                None => {
                    text.push('{');
                    rest = &rest[1..];
                }
            }
        }
        text.push_str(rest);
        Self { text: text.into(), marks }
    }

    /// The page for one request.
    #[must_use]
    pub fn told(&self, status: u16, request_id: u64) -> String {
        let mut told = String::with_capacity(self.text.len() + 16 * self.marks.len());
        let mut from = 0;
        for (place, mark) in &self.marks {
            told.push_str(&self.text[from..*place]);
            let _ = match mark {
                Mark::Status => write!(told, "{status}"),
                Mark::RequestId => write!(told, "{request_id:016x}"),
            };
            from = *place;
        }
        told.push_str(&self.text[from..]);
        told
    }
}

/// Which page goes with which status.
#[derive(Clone, Debug, Default)]
pub struct ErrorPages(Vec<(RangeInclusive<u16>, Arc<Page>)>);

impl ErrorPages {
    /// Pages of a route, or of a listener; the first that has a status is the one for it.
    #[must_use]
    pub fn new(pages: Vec<(RangeInclusive<u16>, Arc<Page>)>) -> Self {
        Self(pages)
    }

    /// These, and `others` for the statuses that these have no page for.
    #[must_use]
    pub fn or(mut self, others: &Self) -> Self {
        self.0.extend_from_slice(&others.0);
        self
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The page for a status.
    #[must_use]
    pub fn find(&self, status: u16) -> Option<&Page> {
        self.0.iter().find(|(statuses, _)| statuses.contains(&status)).map(|(_, page)| &**page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn rules_take_out_what_they_set() {
        let set = owned(&[("X-Frame-Options", "DENY"), ("Content-Type", "text/x"), ("X-Long", "a\r\nB: c")]);
        let rules = ResponseRules::new(&["server".to_owned()], &set).unwrap();
        for name in ["Server", "SERVER", "x-frame-options", "X-Long"] {
            assert!(rules.drops(name), "{name}");
        }
        for name in ["Servers", "Serve", "X-Powered", ""] {
            assert!(!rules.drops(name), "{name}");
        }
        let lines = "X-Frame-Options: DENY\r\nContent-Type: text/x\r\nX-Long: a  B: c\r\n";
        assert_eq!(rules.lines(), lines.as_bytes());
        assert_eq!(
            rules.applied_to("Cache-Control: no-store\r\nx-frame-options: SAMEORIGIN\r\nServer: x\r\n"),
            "Cache-Control: no-store\r\nX-Frame-Options: DENY\r\nX-Long: a  B: c\r\n"
        );
        assert!(ResponseRules::new(&[], &[]).is_none());
    }

    #[test]
    fn framing_and_challenges_are_out_of_reach() {
        let remove: Vec<String> = UNTOUCHED.iter().map(|name| name.to_ascii_uppercase()).collect();
        assert!(ResponseRules::new(&remove, &owned(&[("Content-Length", "1")])).is_none());
    }

    #[test]
    fn only_the_two_marks_are_replaced() {
        let page = Page::new("{status}{ {request_id}: {status} {statusx} {{status}} {request_id");
        assert_eq!(
            page.told(502, 0xf2d),
            "502{ 0000000000000f2d: 502 {statusx} {502} {request_id",
            "{page:?}"
        );
        assert_eq!(Page::new("").told(404, 1), "");
        assert_eq!(Page::new("{ä}").told(404, 1), "{ä}");
    }

    #[test]
    fn the_page_of_the_nearest_list_is_taken() {
        let page = |text: &str| Arc::new(Page::new(text));
        let listener = ErrorPages::new(vec![(404..=404, page("lost")), (500..=599, page("sorry"))]);
        let route = ErrorPages::new(vec![(400..=499, page("client"))]);
        let pages = route.or(&listener);
        for (status, text) in [(404, "client"), (400, "client"), (503, "sorry")] {
            assert_eq!(
                pages.find(status).map(|page| page.told(status, 0)).as_deref(),
                Some(text),
                "{status}"
            );
        }
        assert!(listener.find(404).is_some_and(|page| page.told(404, 0) == "lost"));
        assert!(pages.find(301).is_none());
        assert!(!pages.is_empty() && ErrorPages::default().is_empty());
    }
}
