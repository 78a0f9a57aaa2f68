//! The decision: which grant allows a request, and what the grant adds to it.
//!
//! Everything here is pure. A request is allowed if all of the following hold; otherwise it is
//! refused.
//!
//! 1. The URL can be read in only one way (`hookyard_egress::target`).
//! 2. The plugin has a grant for the host and the port, both in their canonical spelling.
//! 3. The scheme is HTTPS, or HTTP if the grant says so. A grant allows one scheme only.
//! 4. The grant has no list of methods, or the list has the request's method.
//! 5. The grant has no list of paths, or a listed path covers the request's path. A path that some
//!    server could read as another path is covered by no listed path.

use bytes::Bytes;
use hookyard_egress::{Addresses, AllowList, Denial, Policy, Rule, Scheme, Target};
use hookyard_model::TenantName;
use hookyard_plugin::{Authority, HostGrant, HttpCall};
use http::{HeaderValue, Request, header};

/// Returns the grant that allows a request.
///
/// # Errors
///
/// Returns the first of the conditions above that does not hold.
pub(crate) fn find(call: &HttpCall) -> Result<&HostGrant, Denial> {
    let (method, url) = (call.request.method(), call.request.uri());
    let target = Target::of(url).map_err(Denial::Url)?;
    let Some(grant) = of_host(call, &target) else {
        return Err(Denial::Host(target));
    };

    let scheme = if grant.is_plain {
        Scheme::Http
    } else {
        Scheme::Https
    };
    let rule = Rule {
        target: Target { scheme, ..target },
        methods: grant.methods.clone(),
        paths: grant.paths.clone(),
    };
    AllowList { rules: vec![rule] }.find(method, url)?;
    Ok(grant)
}

/// Returns the plugin's grant for a host and a port, whatever it allows there.
pub(crate) fn of_host<'c>(call: &'c HttpCall, target: &Target) -> Option<&'c HostGrant> {
    call.grants.http.get(&Authority {
        host: target.host.to_string(),
        port: target.port,
    })
}

/// Returns the policy under which an allowed request may leave the host.
pub(crate) fn policy(grant: &HostGrant, tenant: &TenantName) -> Policy {
    Policy {
        tenant: Some(tenant.clone()),
        addresses: Addresses {
            granted: grant.addresses.iter().copied().map(Into::into).collect(),
        },
        allow_http: grant.is_plain,
        ..Policy::default()
    }
}

/// Returns the request with the credentials of the grant, in place of the plugin's own headers of
/// the same names.
pub(crate) fn with_credentials(mut request: Request<Bytes>, grant: &HostGrant) -> Request<Bytes> {
    if grant.credentials.is_empty() {
        return request;
    }

    let headers = request.headers_mut();
    for (name, value) in &grant.credentials {
        headers.insert(name, value.clone());
    }
    // The host searches the answer for the credentials, which is impossible in a compressed answer.
    headers.insert(
        header::ACCEPT_ENCODING,
        HeaderValue::from_static("identity"),
    );
    request
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, Method};

    use super::*;
    use crate::support::call;

    fn grant() -> HostGrant {
        HostGrant {
            methods: vec![Method::GET, Method::POST],
            paths: vec!["/v1".into()],
            ..HostGrant::default()
        }
    }

    /// Returns the name of the condition that does not hold, or `None` if the request is allowed.
    fn denied(grants: &[(&str, u16, HostGrant)], method: &str, url: &str) -> Option<&'static str> {
        match find(&call(grants, method, url)) {
            Ok(_) => None,
            Err(Denial::Url(_)) => Some("url"),
            Err(Denial::Host(_)) => Some("host"),
            Err(Denial::Method { .. }) => Some("method"),
            Err(Denial::Path(_)) => Some("path"),
            Err(Denial::AmbiguousPath(_)) => Some("crooked path"),
        }
    }

    #[test]
    fn request_needs_matching_grant() {
        let grants = [("api.example.com", 443, grant())];
        for (method, url, expected) in [
            ("GET", "https://api.example.com/v1", None),
            ("GET", "https://api.example.com:443/v1/orders?all", None),
            ("POST", "https://API.example.com./v1/orders", None),
            ("GET", "https://example.com/v1", Some("host")),
            ("GET", "https://api.example.com.evil.test/v1", Some("host")),
            ("GET", "https://api.example.com:8443/v1", Some("host")),
            ("GET", "http://api.example.com:443/v1", Some("host")),
            ("GET", "https://user@api.example.com/v1", Some("url")),
            ("GET", "/v1", Some("url")),
            ("DELETE", "https://api.example.com/v1", Some("method")),
            ("GET", "https://api.example.com/", Some("path")),
            ("GET", "https://api.example.com/v10", Some("path")),
            (
                "GET",
                "https://api.example.com/v1/../admin",
                Some("crooked path"),
            ),
            (
                "GET",
                "https://api.example.com/v1/%2e%2e/admin",
                Some("crooked path"),
            ),
        ] {
            assert_eq!(denied(&grants, method, url), expected, "{method} {url}");
        }
    }

    #[test]
    fn plugin_without_grants_makes_no_request() {
        assert_eq!(denied(&[], "GET", "https://api.example.com/"), Some("host"));
    }

    #[test]
    fn empty_lists_allow_all_methods_and_paths() {
        let grants = [("api.example.com", 443, HostGrant::default())];
        assert_eq!(
            denied(&grants, "DELETE", "https://api.example.com/a/../b"),
            None
        );
    }

    #[test]
    fn grant_allows_one_scheme_only() {
        let plain = HostGrant {
            is_plain: true,
            ..HostGrant::default()
        };
        let grants = [("localhost", 8080, plain)];
        assert_eq!(denied(&grants, "GET", "http://localhost:8080/"), None);
        assert_eq!(
            denied(&grants, "GET", "https://localhost:8080/"),
            Some("host")
        );
    }

    #[test]
    fn each_host_has_its_own_grant() {
        let narrow = HostGrant {
            methods: vec![Method::GET],
            ..HostGrant::default()
        };
        let grants = [
            ("a.example.com", 443, HostGrant::default()),
            ("b.example.com", 443, narrow.clone()),
        ];
        assert_eq!(denied(&grants, "POST", "https://a.example.com/"), None);
        assert_eq!(
            denied(&grants, "POST", "https://b.example.com/"),
            Some("method")
        );

        let call = call(&grants, "GET", "https://b.example.com/");
        assert_eq!(find(&call).expect("the request is allowed"), &narrow);
    }

    #[test]
    fn policy_follows_grant() {
        let grant = HostGrant {
            is_plain: true,
            addresses: vec!["10.0.0.0/8".parse().expect("a range")],
            ..HostGrant::default()
        };
        let tenant: TenantName = "acme".parse().expect("a name");

        let policy = policy(&grant, &tenant);
        assert!(policy.allow_http);
        assert_eq!(policy.addresses.granted.len(), 1);
        assert_eq!(policy.tenant, Some(tenant.clone()));

        let policy = super::policy(&HostGrant::default(), &tenant);
        assert!(!policy.allow_http && policy.addresses.granted.is_empty());
    }

    #[test]
    fn credentials_replace_headers_of_plugin() {
        let mut credentials = HeaderMap::new();
        credentials.insert("authorization", HeaderValue::from_static("Bearer secret"));
        let grant = HostGrant {
            credentials,
            ..HostGrant::default()
        };
        let request = Request::get("https://api.example.com/")
            .header("authorization", "Bearer of the plugin")
            .header("accept-encoding", "gzip")
            .body(Bytes::new())
            .expect("a request");

        let sent = with_credentials(request.clone(), &grant);
        assert_eq!(sent.headers().get_all("authorization").iter().count(), 1);
        assert_eq!(sent.headers()["authorization"], "Bearer secret");
        assert_eq!(sent.headers()["accept-encoding"], "identity");

        let sent = with_credentials(request, &HostGrant::default());
        assert_eq!(sent.headers()["accept-encoding"], "gzip");
    }
}
