//! What a role fills in. The numbers are those of Microsoft Identity Manager and the clients met in its farms.

use super::{ConnectionAuth, Ejection, HttpProbe, Probe, ProbeCheck, Role, Timeouts};
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

const SECOND: Duration = Duration::from_secs(1);

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
            connect: 3 * SECOND,
            read: read * SECOND,
            write: 60 * SECOND,
            // Below the 120 s after which http.sys closes.
            idle: 60 * SECOND,
            tunnel: 3600 * SECOND,
        }
    }

    /// Portals are asked for a page: http.sys keeps accepting connections while IIS has stopped the application
    /// pool behind them, and answers 503 itself.
    pub(super) fn probe(self) -> Probe {
        Probe {
            check: if self.is_portal() { ProbeCheck::Http(self.http_probe()) } else { ProbeCheck::Tcp },
            interval: 5 * SECOND,
            fast_interval: SECOND,
            timeout: 2 * SECOND,
            rise: 2,
            fall: 3,
            start_grace: 10 * SECOND,
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
            path: "/".into(),
            host: None,
            headers: Vec::new(),
            body: None,
            expect,
            contains: None,
        }
    }
}

pub(super) const EJECTION: Ejection = Ejection { consecutive_failures: 5, duration: Duration::from_secs(30) };
pub(super) const SLOW_START: Duration = Duration::from_secs(30);
pub(super) const KEEPALIVE_CONNECTIONS: usize = 512;
