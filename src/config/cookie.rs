//! The settings of a persistence cookie.

use super::files;
use super::read::{Mapping, Value};
use super::scalar::{is_host_name, is_token};
use crate::persistence::keys::KeyRing;
use crate::persistence::settings::{CookieSettings, SameSite, Secure};
use std::path::PathBuf;
use std::sync::Arc;

pub(super) const SECURE: [(&str, Secure); 3] =
    [("auto", Secure::Auto), ("on", Secure::Always), ("off", Secure::Never)];
pub(super) const SAME_SITE: [(&str, SameSite); 3] =
    [("Lax", SameSite::Lax), ("Strict", SameSite::Strict), ("None", SameSite::None)];

pub(super) const KEYS_EXPECTED: &str =
    "expected a list of key files; make one with `identity-edge keys new cookie-keys.txt`";

/// The settings and the key files, if the keys are there; they are asked for where they are `needed`.
pub(super) fn read(value: &Value<'_>, group: &str, needed: bool) -> Option<(CookieSettings, Vec<PathBuf>)> {
    let expected = "expected a mapping with name, keys, secure, http_only, same_site, domain, path";
    value.mapping(expected, |mapping| settings(mapping, group, needed)).flatten()
}

fn settings(mapping: &mut Mapping<'_>, group: &str, needed: bool) -> Option<(CookieSettings, Vec<PathBuf>)> {
    let name = mapping.or("name", CookieSettings::default_name(group), |value| {
        value.parsed("expected a token: letters, digits and !#$%&'*+-.^_`|~", |text| {
            is_token(text).then(|| text.to_owned())
        })
    });
    let keys = mapping.value("keys");
    if keys.is_none() && needed {
        mapping.whole().missing("keys", KEYS_EXPECTED);
    }
    let keys = keys.and_then(|value| key_rings(&value));
    let secure = mapping.or("secure", Secure::Auto, |value| value.word(&SECURE));
    let http_only = mapping.or("http_only", true, |value| value.boolean());
    let same_site_place = mapping.value("same_site");
    let same_site =
        same_site_place.as_ref().and_then(|value| value.word(&SAME_SITE)).unwrap_or(SameSite::Lax);
    let domain = mapping.or_none("domain", None, |value| {
        value.parsed("expected a domain such as example.com, without a leading dot, or null", |text| {
            is_host_name(text).then(|| text.to_ascii_lowercase())
        })
    });
    let path = mapping.or("path", "/".to_owned(), |value| {
        value.parsed("expected a path that starts with a slash, without semicolons and spaces", |text| {
            is_cookie_path(text).then(|| text.to_owned())
        })
    });
    if let Some(value) = same_site_place.filter(|_| same_site == SameSite::None && secure == Secure::Never) {
        value.error("expected Lax or Strict, or secure: on: browsers drop such a cookie");
    }
    refuse_broken_promise(mapping, &name, secure, domain.is_some() || path != "/");
    let (files, ring) = keys?;
    let keys = Arc::new(ring);
    Some((CookieSettings { name, secure, http_only, same_site, domain, path, keys }, files))
}

/// Browsers drop a cookie whose name promises what its attributes do not keep (RFC 6265bis section 4.1.3).
fn refuse_broken_promise(mapping: &mut Mapping<'_>, name: &str, secure: Secure, narrowed: bool) {
    let starts_with =
        |prefix: &str| name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    let host = starts_with("__Host-");
    let broken = secure != Secure::Always || (host && narrowed);
    if (host || starts_with("__Secure-"))
        && broken
        && let Some(value) = mapping.value("name")
    {
        let more = if host { ", domain: null and path: /" } else { "" };
        value.error(&format!("expected secure: on{more} with this prefix: browsers drop such a cookie"));
    }
}

fn key_rings(value: &Value<'_>) -> Option<(Vec<PathBuf>, KeyRing)> {
    let list = value.list(KEYS_EXPECTED)?;
    let wanted = list.len();
    let (files, rings): (Vec<PathBuf>, Vec<KeyRing>) = list.iter().filter_map(files::key_ring).unzip();
    if rings.len() != wanted {
        return None;
    }
    match KeyRing::merge(rings) {
        Ok(ring) => Some((files, ring)),
        Err(error) => {
            value.error_about("the keys together", &error.to_string());
            None
        }
    }
}

/// RFC 6265 section 4.1.1, and no space, which only invites mistakes.
fn is_cookie_path(text: &str) -> bool {
    text.starts_with('/') && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b';')
}
