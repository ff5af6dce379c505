//! The settings of a persistence cookie.

use super::files;
use super::keys::group as keys;
use super::read::{Mapping, Value};
use crate::persistence::keys::KeyRing;
use crate::persistence::settings::{CookieSettings, SameSite, Secure};
use std::path::PathBuf;
use std::sync::Arc;

pub(super) const SECURE: [(&str, Secure); 3] =
    [("auto", Secure::Auto), ("on", Secure::Always), ("off", Secure::Never)];
pub(super) const SAME_SITE: [(&str, SameSite); 3] =
    [("Lax", SameSite::Lax), ("Strict", SameSite::Strict), ("None", SameSite::None)];

/// The settings and the key files, if the keys are there; they are asked for where they are `needed`.
pub(super) fn read(value: &Value<'_>, group: &str, needed: bool) -> Option<(CookieSettings, Vec<PathBuf>)> {
    value.mapping(&keys::PERSISTENCE_COOKIE, |mapping| settings(mapping, group, needed)).flatten()
}

fn settings(mapping: &mut Mapping<'_>, group: &str, needed: bool) -> Option<(CookieSettings, Vec<PathBuf>)> {
    let name = mapping.read_or(&keys::NAME, CookieSettings::default_name(group));
    let keys = mapping.value(&keys::KEYS);
    if keys.is_none() && needed {
        mapping.whole().missing("keys", &keys::KEYS.expected());
    }
    let keys = keys.and_then(|value| key_rings(&value));
    let secure = mapping.read(&keys::IS_SECURE);
    let http_only = mapping.read(&keys::HTTP_ONLY);
    let same_site = mapping.read(&keys::SENT_ACROSS_SITES);
    let domain = mapping.read(&keys::DOMAIN);
    let path = mapping.read(&keys::PATH);
    if (same_site, secure) == (SameSite::None, Secure::Never)
        && let Some(value) = mapping.value(&keys::SENT_ACROSS_SITES)
    {
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
        && let Some(value) = mapping.value(&keys::NAME)
    {
        let more = if host { ", domain: null and path: /" } else { "" };
        value.error(&format!("expected secure: on{more} with this prefix: browsers drop such a cookie"));
    }
}

fn key_rings(value: &Value<'_>) -> Option<(Vec<PathBuf>, KeyRing)> {
    let list = value.list(&keys::KEYS.expected())?;
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
pub(super) fn is_cookie_path(text: &str) -> bool {
    text.starts_with('/') && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b';')
}
