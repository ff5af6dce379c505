//! What a role fills in. The numbers are those of Microsoft Identity Manager and the clients met in its farms.

use super::keys::{pool, probe};
use super::{ConnectionAuth, HttpProbe, Pool, Probe, ProbeCheck, Role, Timeouts};
use std::time::Duration;

/// The words for roles.
pub(super) const ROLES: [(&str, Role); 6] = [
    ("mim_service", Role::MimService),
    ("mim_sts", Role::MimSts),
    ("mim_portal", Role::MimPortal),
    ("sspr_registration", Role::SsprRegistration),
    ("sspr_reset", Role::SsprReset),
    ("none", Role::None),
];

impl Pool {
    /// Whether its users are authenticated by connection from the first request, as Windows does it.
    pub(super) fn binds_connections(&self) -> bool {
        self.role.is_windows_authenticated() || self.connection_auth == ConnectionAuth::Always
    }
}

impl Role {
    /// Its port; only a pool without a role has none of its own.
    pub(super) fn port(self) -> Option<u16> {
        match self {
            Self::MimService => Some(5725),
            Self::MimSts => Some(5726),
            Self::MimPortal | Self::SsprRegistration | Self::SsprReset => Some(443),
            Self::None => None,
        }
    }

    /// Whether it is a web site of IIS: paths without case, TLS towards the node unless told otherwise.
    pub(super) fn is_portal(self) -> bool {
        matches!(self, Self::MimPortal | Self::SsprRegistration | Self::SsprReset)
    }

    /// Whether its clients are SOAP clients, which send no cookies.
    pub(super) fn is_soap(self) -> bool {
        matches!(self, Self::MimService | Self::MimSts)
    }

    /// Whether Windows authenticates its users, by connection.
    pub(super) fn is_windows_authenticated(self) -> bool {
        matches!(self, Self::MimPortal | Self::SsprRegistration)
    }

    pub(super) fn connection_auth(self) -> ConnectionAuth {
        if self.is_windows_authenticated() { ConnectionAuth::Always } else { ConnectionAuth::Auto }
    }

    pub(super) fn timeouts(self) -> Timeouts {
        let read = match self {
            // Clients wait 20 minutes for synchronisation and reporting requests.
            Self::MimService | Self::MimSts => 1200,
            Self::MimPortal | Self::None => 300,
            Self::SsprRegistration | Self::SsprReset => 120,
        };
        Timeouts {
            connect: pool::CONNECT.default(),
            read: Duration::from_secs(read),
            write: pool::WRITE.default(),
            idle: pool::IDLE.default(),
            tunnel: pool::TUNNEL.default(),
        }
    }

    /// Portals are asked for a page: http.sys keeps accepting connections while IIS has stopped the application
    /// pool behind them, and answers 503 itself.
    pub(super) fn probe(self) -> Probe {
        Probe {
            check: if self.is_portal() { ProbeCheck::Http(self.http_probe()) } else { ProbeCheck::Tcp },
            interval: probe::INTERVAL.default(),
            fast_interval: probe::FAST_INTERVAL.default(),
            timeout: probe::TIMEOUT.default(),
            rise: probe::RISE.default(),
            fall: probe::FALL.default(),
            start_grace: probe::START_GRACE.default(),
        }
    }

    /// What a probe by HTTP asks unless it is told otherwise.
    pub(super) fn http_probe(self) -> HttpProbe {
        let mut expect = vec![200..=399];
        if self.is_portal() {
            // Windows authentication begins with it: the site is there and asks who is.
            expect.push(401..=401);
        }
        HttpProbe {
            method: "GET".into(),
            path: probe::PATH.default(),
            host: probe::HOST.default(),
            headers: Vec::new(),
            body: None,
            expect,
            contains: None,
        }
    }
}

/// A default that the role decides, in words: `5725 for mim_service; 443 for mim_portal and sspr_reset`.
pub(super) fn by_role(default: impl Fn(Role) -> String) -> String {
    let mut defaults: Vec<(String, Vec<&str>)> = Vec::new();
    for (name, role) in ROLES {
        let default = default(role);
        match defaults.iter_mut().find(|(known, _)| *known == default) {
            Some((_, names)) => names.push(name),
            None => defaults.push((default, vec![name])),
        }
    }
    let told = defaults.iter().map(|(default, names)| match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{default} for {} and {last}", rest.join(", ")),
        _ => format!("{default} for {}", names.join("")),
    });
    told.collect::<Vec<_>>().join("; ")
}
