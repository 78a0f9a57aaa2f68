//! Helpers of this crate's unit tests.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hookyard_model::PluginRef;
use hookyard_plugin::{Authority, Grants, HostGrant, HttpCall};
use http::Request;

/// Returns a request of the plugin `acme/orders`, which has these grants by host and port.
pub(crate) fn call(grants: &[(&str, u16, HostGrant)], method: &str, url: &str) -> HttpCall {
    let http = grants.iter().map(|(host, port, grant)| {
        let authority = Authority {
            host: (*host).to_owned(),
            port: *port,
        };
        (authority, grant.clone())
    });
    let grants = Grants {
        http: http.collect(),
        ..Grants::default()
    };

    HttpCall {
        plugin: PluginRef {
            tenant: "acme".parse().expect("a name"),
            name: "orders".parse().expect("a name"),
        },
        grants: Arc::new(grants),
        request: Request::builder()
            .method(method)
            .uri(url)
            .body(Bytes::new())
            .expect("a request"),
        time_max: Duration::from_secs(1),
        body_max: 1024,
    }
}
