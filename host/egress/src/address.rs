//! The address guard: which IP addresses a connection may go to. [`check_address`] is the only
//! place that decides this.
//!
//! Public addresses are allowed. Every other address is refused unless the configuration grants a
//! range that contains it: this machine, private networks, the metadata services that hand out a
//! cloud's credentials, and addresses that are not assigned.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// The addresses that may be reached: all public addresses, and the granted ranges.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Addresses {
    /// The ranges that the configuration grants.
    pub granted: Vec<Range>,
}

/// A range of addresses, such as `10.0.0.0/8`, `fd12::/16` or the single `10.1.2.3`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Range(IpNet);

/// The reason why a text is not a range of addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RangeError {
    /// The text is neither an address nor a range.
    #[error(
        "must be a range of addresses such as \"10.0.0.0/8\", \"fd12:3456::/32\" or \"127.0.0.1\""
    )]
    Malformed,
    /// The address has bits set behind the prefix. Holds the range without these bits.
    #[error("has host bits set; write \"{0}\", or a single address without a prefix length")]
    HostBits(IpNet),
}

impl FromStr for Range {
    type Err = RangeError;

    fn from_str(text: &str) -> Result<Self, RangeError> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self(address.into()));
        }

        let net: IpNet = text.parse().map_err(|_| RangeError::Malformed)?;
        if net.trunc() == net {
            Ok(Self(net))
        } else {
            Err(RangeError::HostBits(net.trunc()))
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

/// The class of an address that is not public, and so is refused unless granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressClass {
    /// A cloud's metadata service, which hands out credentials. Only a grant of this single address
    /// allows it, never a wider range.
    Metadata,
    /// `0.0.0.0/8` and `::`, which mean this machine.
    Unspecified,
    /// This machine.
    Loopback,
    /// A private network (RFC 1918, RFC 4193, and the old site-local addresses).
    Private,
    /// The network segment of this machine.
    LinkLocal,
    /// Shared address space behind a provider's translation (RFC 6598).
    Shared,
    /// A group of receivers.
    Multicast,
    /// Reserved for documentation and for measurements.
    Documentation,
    /// Not assigned, or assigned to a protocol.
    Reserved,
    /// An IPv6 address that embeds an IPv4 address (mapped, compatible, NAT64, 6to4, Teredo) and
    /// leads to it.
    Embedded,
}

impl fmt::Display for AddressClass {
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
            Self::Embedded => "another spelling of an IPv4 address",
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

/// The IPv4 ranges that are not public, by the registry of special-purpose addresses (RFC 6890 and
/// its updates). The first range that contains an address gives its class.
const REFUSED_V4: [(Ipv4Net, AddressClass); 21] = [
    (v4(169, 254, 169, 254, 32), AddressClass::Metadata), // Amazon, Google, Microsoft and most others
    (v4(169, 254, 170, 2, 32), AddressClass::Metadata),   // Amazon's containers
    (v4(100, 100, 100, 200, 32), AddressClass::Metadata), // Alibaba
    (v4(192, 0, 0, 192, 32), AddressClass::Metadata),     // Oracle
    (v4(168, 63, 129, 16, 32), AddressClass::Metadata),   // Microsoft, public by its number
    (v4(0, 0, 0, 0, 8), AddressClass::Unspecified),
    (v4(127, 0, 0, 0, 8), AddressClass::Loopback),
    (v4(10, 0, 0, 0, 8), AddressClass::Private),
    (v4(172, 16, 0, 0, 12), AddressClass::Private),
    (v4(192, 168, 0, 0, 16), AddressClass::Private),
    (v4(169, 254, 0, 0, 16), AddressClass::LinkLocal),
    (v4(100, 64, 0, 0, 10), AddressClass::Shared),
    (v4(224, 0, 0, 0, 4), AddressClass::Multicast),
    (v4(192, 0, 2, 0, 24), AddressClass::Documentation),
    (v4(198, 51, 100, 0, 24), AddressClass::Documentation),
    (v4(203, 0, 113, 0, 24), AddressClass::Documentation),
    (v4(198, 18, 0, 0, 15), AddressClass::Documentation),
    (v4(192, 0, 0, 0, 24), AddressClass::Reserved),
    (v4(192, 88, 99, 0, 24), AddressClass::Reserved), // once the relay of 6to4
    (v4(240, 0, 0, 0, 4), AddressClass::Reserved),    // with the broadcast address
    (v4(255, 255, 255, 255, 32), AddressClass::Reserved),
];

/// The IPv6 ranges that are not public, in the same order of precedence. An address outside all of
/// them is public only within `GLOBAL_V6`.
const REFUSED_V6: [(Ipv6Net, AddressClass); 17] = [
    (
        v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254], 128),
        AddressClass::Metadata,
    ), // Amazon
    (
        v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23], 128),
        AddressClass::Metadata,
    ), // Amazon's pods
    (
        v6([0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254], 128),
        AddressClass::Metadata,
    ), // Google
    (v6([0; 8], 128), AddressClass::Unspecified),
    (v6([0, 0, 0, 0, 0, 0, 0, 1], 128), AddressClass::Loopback),
    (
        v6([0, 0, 0, 0, 0, 0xffff, 0, 0], 96),
        AddressClass::Embedded,
    ), // mapped
    (v6([0, 0, 0, 0, 0, 0, 0, 0], 96), AddressClass::Embedded), // compatible
    (
        v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96),
        AddressClass::Embedded,
    ), // NAT64
    (
        v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16),
        AddressClass::Embedded,
    ), // 6to4
    (
        v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 32),
        AddressClass::Embedded,
    ), // Teredo
    (v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7), AddressClass::Private),
    (v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10), AddressClass::Private),
    (
        v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10),
        AddressClass::LinkLocal,
    ),
    (
        v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8),
        AddressClass::Multicast,
    ),
    (
        v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32),
        AddressClass::Documentation,
    ),
    (
        v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20),
        AddressClass::Documentation,
    ),
    (
        v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23),
        AddressClass::Reserved,
    ), // protocols, measurements, ORCHID
];

/// The IPv6 range for public addresses.
const GLOBAL_V6: Ipv6Net = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);

/// Checks that a connection may go to `address`.
///
/// An IPv6 address that embeds an IPv4 address needs two grants: one for its own range, and one for
/// the IPv4 address if that is not public. So a grant of a whole NAT64 range opens no private
/// network behind it.
///
/// # Errors
///
/// Returns the class of an address that no grant covers.
pub fn check_address(address: IpAddr, addresses: &Addresses) -> Result<(), AddressClass> {
    let Some(class) = class_of(address) else {
        return Ok(());
    };

    let is_granted = addresses.granted.iter().any(|range| match class {
        AddressClass::Metadata => range.0 == IpNet::from(address),
        _ => range.0.contains(&address),
    });
    if !is_granted {
        return Err(class);
    }

    match address {
        IpAddr::V6(address) if class == AddressClass::Embedded => {
            check_address(IpAddr::V4(embedded(address)), addresses)
        }
        _ => Ok(()),
    }
}

/// Returns the setting that allows `address` and nothing else, such as `addresses = ["10.1.2.3"]`.
pub fn address_setting(address: IpAddr) -> String {
    let mut needed = vec![format!("\"{address}\"")];
    if let IpAddr::V6(outer) = address
        && class_of(address) == Some(AddressClass::Embedded)
    {
        let inner = IpAddr::V4(embedded(outer));
        if class_of(inner).is_some() {
            needed.push(format!("\"{inner}\""));
        }
    }

    format!("addresses = [{}]", needed.join(", "))
}

/// Returns the class of an address that is not public.
fn class_of(address: IpAddr) -> Option<AddressClass> {
    match address {
        IpAddr::V4(address) => REFUSED_V4
            .iter()
            .find(|(net, _)| net.contains(&address))
            .map(|(_, class)| *class),
        IpAddr::V6(address) => {
            let listed = REFUSED_V6.iter().find(|(net, _)| net.contains(&address));
            match listed {
                Some((_, class)) => Some(*class),
                None if GLOBAL_V6.contains(&address) => None,
                None => Some(AddressClass::Reserved),
            }
        }
    }
}

/// Returns the IPv4 address that an IPv6 address of class [`AddressClass::Embedded`] embeds.
fn embedded(address: Ipv6Addr) -> Ipv4Addr {
    let o = address.octets();
    match address.segments() {
        [0x2002, ..] => Ipv4Addr::new(o[2], o[3], o[4], o[5]),
        // Teredo inverts the bits of the address, so that address translators do not rewrite them
        // (RFC 4380).
        [0x2001, 0, ..] => Ipv4Addr::new(!o[12], !o[13], !o[14], !o[15]),
        _ => Ipv4Addr::new(o[12], o[13], o[14], o[15]),
    }
}

#[cfg(test)]
mod tests;
