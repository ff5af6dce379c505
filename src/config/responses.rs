//! What the edge does to responses and answers itself: `redirect`, `response_headers`, `hsts`, `error_pages`.

use super::fields::{NOT_IN_RESPONSES, NOT_SET_IN_RESPONSES, refusal};
use super::keys::response as keys;
use super::read::{Mapping, Value};
use super::scalar::{is_token, parse_statuses, show_statuses};
use super::shape::{Entries, File, Key, Scalar as _};
use super::{ErrorPage, Hsts, ResponseEdits, files};

/// The port of HTTPS that a redirect leads to; where it is wrong, that was reported.
pub(super) fn redirect(value: &Value<'_>) -> Option<u16> {
    if value.is_mapping() {
        return value.mapping(&keys::REDIRECTION, |mapping| mapping.read_required(&keys::HTTPS)).flatten();
    }
    value.parsed(keys::REDIRECTION.expected, |text| (text == "https").then_some(443))
}

/// The keys of a route that change its responses.
pub(super) fn edits(mapping: &mut Mapping<'_>) -> ResponseEdits {
    let mut edits = ResponseEdits::default();
    if let Some(value) = mapping.value(&keys::RESPONSE_HEADERS) {
        value.mapping(&keys::FIELDS, |mapping| {
            if let Some(value) = mapping.value(&keys::SET) {
                edits.set = set(&value);
            }
            if let Some(value) = mapping.value(&keys::REMOVE) {
                edits.remove = removed(&value, &edits.set);
            }
        });
    }
    if let Some(Some(value)) = mapping.or_null(&keys::HSTS) {
        edits.hsts = hsts(&value);
    }
    edits
}

fn removed(whole: &Value<'_>, set: &[(String, String)]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for value in whole.items(keys::REMOVE.shape.expected).unwrap_or_default() {
        let Some(name) = keys::REMOVE.shape.of.read(&value) else { continue };
        if let Some(why) = refusal(&name, &NOT_IN_RESPONSES) {
            value.error(why);
        } else if let Some((twin, _)) = set.iter().find(|(known, _)| known.eq_ignore_ascii_case(&name)) {
            value.error(&format!(
                "expected each field once: {twin} is set, which takes out what the node said"
            ));
        } else if names.contains(&name.to_ascii_lowercase()) {
            value.error("expected each field once");
        } else {
            names.push(name.to_ascii_lowercase());
        }
    }
    names
}

fn set(whole: &Value<'_>) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for (name, value) in whole.entries(keys::SET.shape.expected).unwrap_or_default() {
        let twin = fields.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        if !is_token(name) {
            whole.error_about(name, keys::REMOVE.shape.of.expected);
        } else if let Some(why) =
            refusal(name, &NOT_IN_RESPONSES).or_else(|| refusal(name, &NOT_SET_IN_RESPONSES))
        {
            value.error_about(name, why);
        } else if let Some((twin, _)) = twin {
            value.error_about(name, &format!("expected each field once, and {twin} is the same"));
        } else if let Some(text) = keys::SET.shape.each.read(&value) {
            fields.push((name.to_owned(), text));
        }
    }
    fields
}

fn hsts(value: &Value<'_>) -> Option<Hsts> {
    value.mapping(&keys::TRANSPORT_SECURITY, |mapping| {
        let max_age = mapping.value(&keys::MAX_AGE);
        let max_age = max_age.and_then(|value| {
            let age = keys::MAX_AGE.shape.read(&value)?;
            if age.subsec_nanos() > 0 {
                value.error("expected whole seconds, such as 365d");
            }
            Some(age)
        });
        Hsts {
            max_age: max_age.unwrap_or(keys::MAX_AGE.default()),
            include_subdomains: mapping.read(&keys::INCLUDE_SUBDOMAINS),
            preload: mapping.read(&keys::PRELOAD),
        }
    })
}

/// Pages by status; no status has two.
pub(super) fn error_pages(mapping: &mut Mapping<'_>, key: &'static Key<Entries<File>>) -> Vec<ErrorPage> {
    let mut pages: Vec<ErrorPage> = Vec::new();
    let Some(whole) = mapping.value(key) else { return pages };
    let (least, most) = keys::ERRORS.into_inner();
    for (text, value) in whole.entries(key.shape.expected).unwrap_or_default() {
        let Some((first, last)) = parse_statuses(text, &keys::ERRORS) else {
            let expected =
                format!("expected a status or a range within {least} to {most}, such as 404 or 502-504");
            value.error_about(text, &expected);
            continue;
        };
        if first > last {
            value.error_about(text, &format!("expected {last}-{first}, the lower status first"));
            continue;
        }
        let statuses = first..=last;
        let shared = |page: &&ErrorPage| *page.statuses.start() <= last && first <= *page.statuses.end();
        if let Some(twin) = pages.iter().find(shared) {
            let twin = show_statuses(&twin.statuses);
            value.error_about(
                text,
                &format!("expected one page for each status, and {twin} has one for some of them"),
            );
            continue;
        }
        let file = files::page(&value);
        // A page that cannot be read keeps its statuses from being given another.
        pages.push(ErrorPage { statuses, file: file.unwrap_or_default() });
    }
    pages
}
