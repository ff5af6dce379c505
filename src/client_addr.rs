//! Client addresses: one spelling for each, prefixes of them, and how a proxy in front tells them.

pub mod forwarded;
pub mod proxy_protocol;

use std::net::IpAddr;

/// The one spelling of an address: an IPv4-mapped IPv6 address (RFC 4291 section 2.5.5.2) is its IPv4 address.
#[must_use]
pub fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

/// A range of addresses in CIDR notation (RFC 4632 section 3.1, RFC 4291 section 2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IpPrefix {
    network: IpAddr,
    length: u8,
}

/// Why a text is no prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrefixError {
    /// The part before the slash is no IP address.
    Address,
    /// The part after the slash is no number, or more than the address has bits.
    Length,
    /// Bits behind the prefix are set: `10.0.0.1/24` says two things at once.
    HostBits,
}

impl std::fmt::Display for PrefixError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Address => "no IP address",
            Self::Length => "the prefix length is no number from 0 to 32 (IPv4) or 128 (IPv6)",
            Self::HostBits => "bits behind the prefix length are set",
        })
    }
}

impl std::error::Error for PrefixError {}

impl std::str::FromStr for IpPrefix {
    type Err = PrefixError;

    /// Parses `10.1.0.0/16`, `2001:db8::/32`, or a single address.
    fn from_str(text: &str) -> Result<Self, PrefixError> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let given: IpAddr = address.parse().map_err(|_| PrefixError::Address)?;
        let network = canonical(given);
        let bits = if network.is_ipv4() { 32 } else { 128 };
        let length = match length {
            None => bits,
            Some(text) if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) => {
                return Err(PrefixError::Length);
            }
            Some(text) => {
                let length: u8 = text.parse().map_err(|_| PrefixError::Length)?;
                let mapped = if network.is_ipv4() && given.is_ipv6() { 96 } else { 0 };
                length.checked_sub(mapped).ok_or(PrefixError::Length)?
            }
        };
        if length > bits {
            return Err(PrefixError::Length);
        }
        if mask(network, length) != network {
            return Err(PrefixError::HostBits);
        }
        Ok(Self { network, length })
    }
}

impl std::fmt::Display for IpPrefix {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}/{}", self.network, self.length)
    }
}

impl IpPrefix {
    /// Whether `address` lies in the range.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = canonical(address);
        address.is_ipv4() == self.network.is_ipv4() && mask(address, self.length) == self.network
    }

    /// Number of leading bits that count.
    #[must_use]
    pub fn length(&self) -> u8 {
        self.length
    }

    /// The first address of the range.
    #[must_use]
    pub fn network(&self) -> IpAddr {
        self.network
    }
}

/// Addresses that share so many leading bits are one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientPrefixes {
    /// 0 to 32.
    pub ipv4: u8,
    /// 0 to 128.
    pub ipv6: u8,
}

impl ClientPrefixes {
    /// The client that `address` belongs to: what all of its addresses have in common.
    #[must_use]
    pub fn client(self, address: IpAddr) -> IpAddr {
        mask(address, if address.is_ipv4() { self.ipv4 } else { self.ipv6 })
    }
}

/// `address` with all but its first `length` bits cleared; lengths beyond the address's own bits keep it whole.
#[must_use]
pub fn mask(address: IpAddr, length: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let keep = u32::MAX.checked_shl(32 - u32::from(length.min(32))).unwrap_or(0);
            IpAddr::V4((v4.to_bits() & keep).into())
        }
        IpAddr::V6(v6) => {
            let keep = u128::MAX.checked_shl(128 - u32::from(length.min(128))).unwrap_or(0);
            IpAddr::V6((v6.to_bits() & keep).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(text: &str) -> IpPrefix {
        text.parse().unwrap()
    }

    #[test]
    fn prefixes_hold_their_range_and_nothing_else() {
        assert!(prefix("10.20.0.0/16").contains("10.20.255.1".parse().unwrap()));
        assert!(!prefix("10.20.0.0/16").contains("10.21.0.0".parse().unwrap()));
        assert!(prefix("0.0.0.0/0").contains("255.255.255.255".parse().unwrap()));
        assert!(!prefix("0.0.0.0/0").contains("::1".parse().unwrap()));
        assert!(prefix("2001:db8::/64").contains("2001:db8::ffff".parse().unwrap()));
        assert!(!prefix("2001:db8::/64").contains("2001:db8:0:1::".parse().unwrap()));
        assert!(prefix("::/0").contains("ff::".parse().unwrap()));
    }

    #[test]
    fn a_mapped_address_is_its_ipv4_address() {
        assert!(prefix("10.0.0.0/8").contains("::ffff:10.1.2.3".parse().unwrap()));
        assert_eq!(prefix("::ffff:10.0.0.0/104"), prefix("10.0.0.0/8"));
        assert_eq!(canonical("::ffff:127.0.0.1".parse().unwrap()), "127.0.0.1".parse::<IpAddr>().unwrap());
    }

    #[test]
    fn what_is_no_prefix_says_why() {
        for (text, why) in [
            ("10.0.0/8", PrefixError::Address),
            ("10.0.0.0/33", PrefixError::Length),
            ("10.0.0.0/", PrefixError::Length),
            ("10.0.0.0/+8", PrefixError::Length),
            ("10.0.0.1/8", PrefixError::HostBits),
            ("::ffff:10.0.0.0/64", PrefixError::Length),
        ] {
            assert_eq!(text.parse::<IpPrefix>(), Err(why), "{text}");
        }
    }
}
