//! Which addresses may be connected to: `judge`, the one place where that is decided.
//!
//! What is reachable from everywhere is allowed. All else (this machine, private networks, the services that hand out a
//! cloud's credentials, and what isn't assigned) is refused unless a range that was granted in words holds it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// The addresses that may be reached: the public ones, and these ranges besides.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Addresses {
    /// What is granted in words.
    pub granted: Vec<Range>,
}

/// A range of addresses, such as `10.0.0.0/8`, `fd12::/16` or the single `10.1.2.3`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Range(IpNet);

/// A text that is no range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RangeError {
    /// It can't be read at all.
    #[error(
        "must be a range of addresses such as \"10.0.0.0/8\", \"fd12:3456::/32\" or \"127.0.0.1\""
    )]
    Malformed,
    /// It begins in the midst of the range that it says.
    #[error("is in the midst of its range; say \"{0}\", or the single address without a length")]
    Inside(IpNet),
}

impl FromStr for Range {
    type Err = RangeError;

    fn from_str(text: &str) -> Result<Self, RangeError> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self(address.into()));
        }
        let net: IpNet = text.parse().map_err(|_| RangeError::Malformed)?;
        if net.trunc() != net {
            Err(RangeError::Inside(net.trunc()))
        } else {
            Ok(Self(net))
        }
    }
}

impl From<IpNet> for Range {
    fn from(net: IpNet) -> Self {
        Self(net.trunc())
    }
}

impl From<Range> for IpNet {
    fn from(Range(net): Range) -> Self {
        net
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why an address is refused: what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Where a cloud tells its machines their credentials. Granted by its single address only, never by a wider range.
    Metadata,
    /// `0.0.0.0/8` and `::`, which mean this machine.
    Unspecified,
    /// This machine.
    Loopback,
    /// A private network's (RFC 1918, RFC 4193, and the old site-local ones).
    Private,
    /// Of the network segment that this machine is on.
    LinkLocal,
    /// Behind a provider's translation (RFC 6598).
    Shared,
    /// Of many receivers at once.
    Multicast,
    /// For examples and measurements.
    Documentation,
    /// Assigned to nobody, or to a protocol.
    Reserved,
    /// An IPv6 address that carries an IPv4 one (mapped, compatible, NAT64, 6to4, Teredo): it leads where that one leads.
    Carrier,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Metadata => "where a cloud hands out credentials",
            Self::Unspecified => "unspecified",
            Self::Loopback => "this machine",
            Self::Private => "private",
            Self::LinkLocal => "link-local",
            Self::Shared => "shared behind a provider's translation",
            Self::Multicast => "multicast",
            Self::Documentation => "for documentation or measurements",
            Self::Reserved => "reserved",
            Self::Carrier => "another spelling of an IPv4 address",
        })
    }
}

const fn v4(a: u8, b: u8, c: u8, d: u8, length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

const fn v6(start: [u16; 8], length: u8) -> Ipv6Net {
    let [a, b, c, d, e, f, g, h] = start;
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, e, f, g, h), length)
}

/// IPv4 by the registry of special-purpose addresses (RFC 6890 and its updates). The first that fits says why.
const REFUSED_V4: [(Ipv4Net, Why); 21] = [
    (v4(169, 254, 169, 254, 32), Why::Metadata), // Amazon, Google, Microsoft and most others
    (v4(169, 254, 170, 2, 32), Why::Metadata),   // Amazon's containers
    (v4(100, 100, 100, 200, 32), Why::Metadata), // Alibaba
    (v4(192, 0, 0, 192, 32), Why::Metadata),     // Oracle
    (v4(168, 63, 129, 16, 32), Why::Metadata),   // Microsoft, public by its number
    (v4(0, 0, 0, 0, 8), Why::Unspecified),
    (v4(127, 0, 0, 0, 8), Why::Loopback),
    (v4(10, 0, 0, 0, 8), Why::Private),
    (v4(172, 16, 0, 0, 12), Why::Private),
    (v4(192, 168, 0, 0, 16), Why::Private),
    (v4(169, 254, 0, 0, 16), Why::LinkLocal),
    (v4(100, 64, 0, 0, 10), Why::Shared),
    (v4(224, 0, 0, 0, 4), Why::Multicast),
    (v4(192, 0, 2, 0, 24), Why::Documentation),
    (v4(198, 51, 100, 0, 24), Why::Documentation),
    (v4(203, 0, 113, 0, 24), Why::Documentation),
    (v4(198, 18, 0, 0, 15), Why::Documentation),
    (v4(192, 0, 0, 0, 24), Why::Reserved),
    (v4(192, 88, 99, 0, 24), Why::Reserved), // once the relay of 6to4
    (v4(240, 0, 0, 0, 4), Why::Reserved),    // with the broadcast address
    (v4(255, 255, 255, 255, 32), Why::Reserved),
];

/// IPv6 that is refused. What is in none of these is allowed only within `GLOBAL_V6`.
const REFUSED_V6: [(Ipv6Net, Why); 17] = [
    (
        v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254], 128),
        Why::Metadata,
    ), // Amazon
    (v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23], 128), Why::Metadata), // Amazon's pods
    (v6([0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254], 128), Why::Metadata), // Google
    (v6([0; 8], 128), Why::Unspecified),
    (v6([0, 0, 0, 0, 0, 0, 0, 1], 128), Why::Loopback),
    (v6([0, 0, 0, 0, 0, 0xffff, 0, 0], 96), Why::Carrier), // mapped
    (v6([0, 0, 0, 0, 0, 0, 0, 0], 96), Why::Carrier),      // compatible
    (v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96), Why::Carrier), // NAT64
    (v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16), Why::Carrier), // 6to4
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 32), Why::Carrier), // Teredo
    (v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7), Why::Private),
    (v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10), Why::Private),
    (v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10), Why::LinkLocal),
    (v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8), Why::Multicast),
    (
        v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32),
        Why::Documentation,
    ),
    (v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), Why::Documentation),
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), Why::Reserved), // protocols, measurements, ORCHID
];

/// All of IPv6 that is assigned to be reached from everywhere.
const GLOBAL_V6: Ipv6Net = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);

/// Whether `address` may be connected to.
///
/// An IPv6 address that carries an IPv4 one needs both: its own range granted, and the other address allowed. So a
/// grant of all that is behind a NAT64 opens no private network behind it.
pub fn judge(address: IpAddr, addresses: &Addresses) -> Result<(), Why> {
    let Some(why) = what(address) else {
        return Ok(());
    };
    let is_granted = |range: &Range| match why {
        Why::Metadata => range.0 == IpNet::from(address),
        _ => range.0.contains(&address),
    };
    if !addresses.granted.iter().any(is_granted) {
        return Err(why);
    }
    match address {
        IpAddr::V6(address) if why == Why::Carrier => {
            judge(IpAddr::V4(carried(address)), addresses)
        }
        _ => Ok(()),
    }
}

/// The setting that lets an address through, with no more than it needs.
pub fn grant(address: IpAddr) -> String {
    let carried = match address {
        IpAddr::V6(carrier) if what(address) == Some(Why::Carrier) => {
            Some(IpAddr::V4(carried(carrier)))
        }
        _ => None,
    };
    let needed = [
        Some(address),
        carried.filter(|carried| what(*carried).is_some()),
    ];
    let needed: Vec<_> = needed
        .iter()
        .flatten()
        .map(|address| format!("\"{address}\""))
        .collect();
    format!("addresses = [{}]", needed.join(", "))
}

/// What an address is, where it isn't one to be reached from everywhere.
fn what(address: IpAddr) -> Option<Why> {
    match address {
        IpAddr::V4(address) => REFUSED_V4
            .iter()
            .find(|(net, _)| net.contains(&address))
            .map(|(_, why)| *why),
        IpAddr::V6(address) => {
            let listed = REFUSED_V6
                .iter()
                .find(|(net, _)| net.contains(&address))
                .map(|(_, why)| *why);
            listed.or_else(|| (!GLOBAL_V6.contains(&address)).then_some(Why::Reserved))
        }
    }
}

/// The IPv4 address that one of the carrying forms carries.
fn carried(address: Ipv6Addr) -> Ipv4Addr {
    let o = address.octets();
    match address.segments() {
        [0x2002, ..] => Ipv4Addr::new(o[2], o[3], o[4], o[5]),
        // Teredo turns the bits round, so that translators leave them alone (RFC 4380).
        [0x2001, 0, ..] => Ipv4Addr::new(!o[12], !o[13], !o[14], !o[15]),
        _ => Ipv4Addr::new(o[12], o[13], o[14], o[15]),
    }
}

#[cfg(test)]
mod tests;
