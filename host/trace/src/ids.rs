//! The ids of traces and spans.

use std::fmt;

use sha2::{Digest, Sha256};

/// The id of a trace: 16 bytes, which are not all zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId(pub(crate) [u8; 16]);

/// The id of a span: 8 bytes, which are not all zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanId(pub(crate) [u8; 8]);

impl TraceId {
    /// Returns the bytes.
    pub const fn bytes(self) -> [u8; 16] {
        self.0
    }

    /// Returns whether a share of all traces includes this trace. Every part of the host, and every
    /// sampler that follows OpenTelemetry's `TraceIdRatioBased`, decides the same.
    pub(crate) fn is_within(self, share: f64) -> bool {
        let [.., a, b, c, d, e, f, g, h] = self.0;
        let random = u64::from_be_bytes([a, b, c, d, e, f, g, h]) >> 1;
        // The bound is below 2^63, so the conversion is exact enough and does not overflow.
        random < (share.clamp(0.0, 1.0) * (1_u64 << 63) as f64) as u64
    }
}

impl SpanId {
    /// Returns the bytes.
    pub const fn bytes(self) -> [u8; 8] {
        self.0
    }

    /// Returns the id that follows from these parts. The length of each part is part of the id.
    pub(crate) fn of(parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }

        let [a, b, c, d, e, f, g, h, ..]: [u8; 32] = hash.finalize().into();
        // An id of zeros is invalid. The chance is 1 in 2^64.
        Self([a, b, c, d, e, f, g, h.max(1)])
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TraceId({self})")
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SpanId({self})")
    }
}

fn write_hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn share_includes_traces_by_their_last_bytes() {
        let id = |last: u64| {
            let mut bytes = [0xff; 16];
            bytes[8..].copy_from_slice(&last.to_be_bytes());
            TraceId(bytes)
        };
        for (last, share, expected) in [
            (0, 0.0, false),
            (0, 0.001, true),
            (u64::MAX, 0.999, false),
            (u64::MAX, 1.0, true),
            (1 << 62, 0.25, false),
            ((1 << 62) - 1, 0.25, true),
            (5, f64::NAN, false),
        ] {
            assert_eq!(id(last).is_within(share), expected, "{last} in {share}");
        }
    }

    #[test]
    fn span_ids_differ_by_each_part() {
        let ids = [
            SpanId::of(&[b"a", b"b"]),
            SpanId::of(&[b"ab", b""]),
            SpanId::of(&[b"ab"]),
            SpanId::of(&[b"b", b"a"]),
        ];
        for (place, id) in ids.iter().enumerate() {
            assert!(!ids[..place].contains(id));
        }
        assert_eq!(SpanId::of(&[b"a", b"b"]), ids[0]);
        assert_eq!(ids[0].to_string().len(), 16);
    }
}
