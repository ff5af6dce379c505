//! The section `routes`.

use super::keys::{response, route as keys};
use super::read::{Mapping, Value};
use super::scalar::{is_host, is_host_name};
use super::shape::{Described, Scalar as _};
use super::{ErrorPage, Pool, Rate, ResponseEdits, Role, Route, limits, listeners, pools, responses};
use crate::route::{Action, HostPattern, PathPrefix, RouteSpec, RouteTable};

/// The longest path of a route, in bytes; with it the longest name.
const LONGEST_PATH: usize = 512;
const LONGEST_NAME: usize = 1024;

/// A route as far as it could be read.
pub(super) struct Read<'a> {
    pub(super) name: Option<(String, Value<'a>)>,
    pub(super) listener: Option<usize>,
    pub(super) host: Option<HostPattern>,
    pub(super) path: Option<String>,
    pub(super) pool: Option<usize>,
    /// The port of HTTPS, instead of a pool; absent where the port is wrong.
    pub(super) redirect: Option<Option<u16>>,
    /// Absent where a group is named that is not there.
    pub(super) group: Option<Option<usize>>,
    pub(super) max_body: Option<u64>,
    pub(super) rate: Option<Rate>,
    pub(super) response: ResponseEdits,
    pub(super) error_pages: Vec<ErrorPage>,
    pub(super) whole: Value<'a>,
    /// Where the group is named, or the route.
    pub(super) persistence: Value<'a>,
}

/// What routes refer to, by name.
pub(super) struct Names<'n> {
    pub(super) listeners: Vec<&'n str>,
    pub(super) pools: Vec<&'n str>,
    pub(super) groups: Vec<&'n str>,
}

pub(super) fn read<'a>(root: &mut Mapping<'a>, names: &Names<'_>) -> Vec<Read<'a>> {
    let value = root.required(&keys::ROUTES);
    let list = value.and_then(|value| value.list(&keys::ROUTES.expected())).unwrap_or_default();
    list.into_iter().map(|value| route(value, names)).collect()
}

fn route<'a>(whole: Value<'a>, names: &Names<'_>) -> Read<'a> {
    let mut read = Read {
        name: None,
        listener: None,
        host: None,
        path: None,
        pool: None,
        redirect: None,
        group: None,
        max_body: None,
        rate: None,
        response: ResponseEdits::default(),
        error_pages: Vec::new(),
        whole: whole.clone(),
        persistence: whole.clone(),
    };
    whole.mapping(&keys::ROUTE, |mapping| {
        let name = mapping.value(&keys::NAME);
        read.name = name.and_then(|value| Some((keys::NAME.shape.read(&value)?, value)));
        read.listener = mapping.required_reference(&keys::LISTENER, &names.listeners);
        read.host = match mapping.or_null(&keys::HOST) {
            None | Some(None) => Some(HostPattern::Any),
            Some(Some(value)) => keys::HOST.shape.0.read(&value),
        };
        read.path = match mapping.value(&keys::PATH) {
            None => Some(keys::PATH.default()),
            Some(value) => keys::PATH.shape.read(&value),
        };
        action(mapping, &mut read, names);
        read.group = match mapping.value(&keys::PERSISTENCE) {
            None => Some(None),
            Some(value) => {
                read.persistence = value.clone();
                if value.is_null() {
                    Some(None)
                } else {
                    value.reference(&keys::PERSISTENCE.shape.0, &names.groups).map(Some)
                }
            }
        };
        read.max_body = mapping.read(&keys::MAX_BODY);
        read.rate = mapping.or_null(&keys::RATE).flatten().and_then(|value| rate(&value));
        read.response = responses::edits(mapping);
        read.error_pages = responses::error_pages(mapping, &response::ERROR_PAGES);
        if read.redirect.is_some() {
            refuse_with_redirect(mapping);
        }
    });
    read
}

/// Either a pool or a redirect.
fn action(mapping: &mut Mapping<'_>, read: &mut Read<'_>, names: &Names<'_>) {
    let redirect = mapping.or_null(&response::REDIRECT).flatten();
    let pool = mapping.value(&keys::POOL);
    read.redirect = redirect.as_ref().map(responses::redirect);
    match (pool, redirect) {
        (Some(pool), None) => read.pool = pool.reference(&keys::POOL.shape, &names.pools),
        (None, None) => {
            mapping.whole().missing("pool", "expected the name of a pool, or redirect: https instead of it");
        }
        (Some(pool), Some(_)) => pool.error("expected either pool or redirect: a redirect goes to no pool"),
        (None, Some(_)) => {}
    }
}

/// What only requests have that go to a pool.
fn refuse_with_redirect(mapping: &Mapping<'_>) {
    let keys: [(&dyn Described, &str); 2] = [
        (&keys::PERSISTENCE, "expected no persistence beside redirect: no node answers these requests"),
        (&keys::MAX_BODY, "expected no max_body beside redirect: no node answers these requests"),
    ];
    for (key, why) in keys {
        let value = mapping.whole().written(&[key]);
        if !value.is_same_place(mapping.whole()) && !value.is_null() {
            value.error(why);
        }
    }
}

fn rate(value: &Value<'_>) -> Option<Rate> {
    let read = value.mapping(&keys::RATED, |mapping| {
        let requests = mapping.read_required(&keys::REQUESTS);
        let per = mapping.read(&keys::PER);
        let prefixes = limits::client_prefixes(mapping);
        Some(Rate { requests: requests?, per, prefixes })
    });
    read.flatten()
}

pub(super) fn name(text: &str) -> Option<String> {
    let fits = !text.is_empty() && text.len() <= LONGEST_NAME;
    (fits && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"'\\".contains(&byte)))
        .then(|| text.to_owned())
}

pub(super) fn host(text: &str) -> Option<HostPattern> {
    if text == "*" {
        return Some(HostPattern::Any);
    }
    let text = text.to_ascii_lowercase();
    if let Some(domain) = text.strip_prefix("*.") {
        return is_host_name(domain).then(|| HostPattern::Suffix(domain.to_owned()));
    }
    is_host(&text).then_some(HostPattern::Exact(text))
}

pub(super) fn path(text: &str) -> Option<String> {
    let fits = text.starts_with('/') && (text == "/" || !text.ends_with('/')) && text.len() <= LONGEST_PATH;
    (fits && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#\"'\\".contains(&byte)))
        .then(|| text.to_owned())
}

impl Read<'_> {
    /// Whether everything could be read.
    pub(super) fn is_complete(&self) -> bool {
        self.listener.is_some()
            && self.host.is_some()
            && (self.pool.is_some() || self.redirect.is_some())
            && self.group.is_some()
    }

    /// Whether it leads to Windows authentication, which belongs to a connection.
    pub(super) fn binds_connections(&self, pools: &[pools::Read<'_>]) -> bool {
        self.pool.and_then(|pool| pools.get(pool)).is_some_and(|read| read.pool.binds_connections())
    }

    /// Whether `/A` and `/a` differ. A redirect takes both: what should not go by plain HTTP is better asked once too
    /// often to come by HTTPS.
    pub(super) fn is_case_sensitive(&self, role: Option<Role>) -> bool {
        self.redirect.is_none() && !role.is_some_and(Role::is_portal)
    }

    fn finish(&self, listeners: &[listeners::Read<'_>], pools: &[Pool]) -> Option<Route> {
        let listener = self.listener?;
        let action = match self.redirect {
            Some(port) => Action::RedirectToHttps(port?),
            None => Action::Forward(self.pool?),
        };
        let host = self.host.clone()?;
        let prefix = self.path.clone()?;
        let name = match &self.name {
            Some((name, _)) => name.clone(),
            None => format!("{}:{host}{prefix}", listeners[listener].listener.name),
        };
        let role = action.pool().map(|pool| pools[pool].role);
        let path = PathPrefix { prefix, case_sensitive: self.is_case_sensitive(role) };
        Some(Route {
            name,
            listener,
            host,
            path,
            action,
            group: self.group?,
            max_body: self.max_body,
            rate: self.rate,
            response: self.response.clone(),
            error_pages: self.error_pages.clone(),
        })
    }
}

/// The routes that are complete, checked against each other.
pub(super) fn finish(reads: &[Read<'_>], listeners: &[listeners::Read<'_>], pools: &[Pool]) -> Vec<Route> {
    let routes: Vec<Option<Route>> = reads.iter().map(|read| read.finish(listeners, pools)).collect();
    for listener in 0..listeners.len() {
        let mine = |(value, route): (usize, &Option<Route>)| {
            let route = route.as_ref().filter(|route| route.listener == listener)?;
            Some(RouteSpec { host: route.host.clone(), path: route.path.clone(), value })
        };
        let specs = routes.iter().enumerate().filter_map(mine).collect();
        for tie in RouteTable::build(specs).err().unwrap_or_default() {
            let what =
                routes[tie.second].as_ref().map(|route| format!("{}{}", route.host, route.path.prefix));
            reads[tie.second].whole.error_about(
                &what.unwrap_or_default(),
                &format!(
                    "a tie with {}, expected another listener, host or path",
                    reads[tie.first].whole.path()
                ),
            );
        }
    }
    refuse_duplicate_names(reads, &routes);
    routes.into_iter().flatten().collect()
}

/// Names made from listener, host and path differ unless the routes tie.
fn refuse_duplicate_names(reads: &[Read<'_>], routes: &[Option<Route>]) {
    let name = |index: usize| routes[index].as_ref().map(|route| route.name.as_str());
    for later in 0..routes.len() {
        let Some(wanted) = name(later) else { continue };
        let twin = (0..later).find(|earlier| name(*earlier) == Some(wanted));
        let Some(earlier) = twin else { continue };
        if reads[earlier].name.is_some() || reads[later].name.is_some() {
            let place = reads[later].name.as_ref().map_or(&reads[later].whole, |(_, place)| place);
            place.error_about(
                wanted,
                &format!("the name of {} already, expected another", reads[earlier].whole.path()),
            );
        }
    }
}
