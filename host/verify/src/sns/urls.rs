//! Which URLs an SNS message may make us fetch.

/// Which URLs may be fetched because a message names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UrlRule {
    /// Amazon's own: `https://sns.<region>.amazonaws.com[.cn]/...`.
    Amazon,
    /// Those that begin with one of these, each a scheme, an authority and at least the path's `/`, such as
    /// `http://127.0.0.1:4566/`.
    Prefixes(Vec<String>),
    /// Those that a regular expression describes: the whole URL of a certificate, the beginning of a confirmation's.
    Pattern(String),
}
