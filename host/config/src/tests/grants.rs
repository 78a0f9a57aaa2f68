//! What is granted where several places say something, and that nothing of a credential is printed.

use hookyard_plugin::{Authority, Grants};

use super::*;

/// What the plugins of acme are granted.
fn granted(folder: &Folder, text: &str) -> Grants {
    let granted = folder
        .settings(text)
        .plugins
        .grants
        .to(&"acme".parse().expect("a name"));
    granted.said.grants(&granted.destinations)
}

fn hosts(grants: &Grants) -> Vec<String> {
    grants.http.keys().map(ToString::to_string).collect()
}

#[test]
fn the_nearest_place_counts_key_by_key_and_host_by_host() {
    let folder = Folder::new();
    let own = granted(&folder, "");
    assert_eq!(
        own,
        Grants {
            keyvalue: true,
            logging: true,
            config: true,
            ..Grants::default()
        }
    );
    let both = granted(
        &folder,
        "[plugins.grants]\nkeyvalue = false\nlogging = false\n\
         [plugins.grants.http.\"api.example.com\"]\nmethods = [\"GET\"]\n\
         [plugins.grants.http.\"other.example.com:8443\"]\n\
         [tenants.acme.grants]\nlogging = true\n\
         [tenants.acme.grants.http.\"API.example.com.\"]\nmethods = [\"POST\"]\n\
         [tenants.acme.grants.http.\"10.1.2.3\"]\nscheme = \"http\"\naddresses = [\"10.0.0.0/8\"]\n\
         [tenants.umbrella.grants]\nconfig = false",
    );
    assert_eq!(
        (both.keyvalue, both.logging, both.config),
        (false, true, true)
    );
    assert_eq!(
        hosts(&both),
        [
            "10.1.2.3:80",
            "api.example.com:443",
            "other.example.com:8443"
        ]
    );
    let api = &both.http[&Authority {
        host: "api.example.com".into(),
        port: 443,
    }];
    assert_eq!(
        (api.methods.as_slice(), api.is_plain),
        (&[http::Method::POST][..], false),
        "a host is one key"
    );
    let plain = &both.http[&Authority {
        host: "10.1.2.3".into(),
        port: 80,
    }];
    assert_eq!((plain.is_plain, plain.addresses.len()), (true, 1));
}

#[test]
fn destinations_are_granted_by_name_with_whose_events_they_take() {
    let folder = Folder::new();
    let destination = |name: &str, more: &str| {
        let secrets = "secrets = [{ file = \"topi.secret\" }]";
        format!(
            "[tenants.acme.destinations.{name}]\nurl = \"https://{name}.example/\"\n{secrets}\n{more}\n"
        )
    };
    let text = destination("partner", "provider = \"topi-saas\"")
        + &destination("audit", "")
        + &destination("other", "");
    let grants = granted(
        &folder,
        &format!("{text}[tenants.acme.grants]\ndestinations = [\"audit\", \"partner\"]"),
    );
    let told: Vec<_> = grants
        .destinations
        .iter()
        .map(|(name, provider)| (name.as_str(), provider.as_deref()))
        .collect();
    assert_eq!(told, [("audit", None), ("partner", Some("topi-saas"))]);
    assert!(
        granted(&folder, &text).destinations.is_empty(),
        "none by default"
    );
    check(
        "[plugins.grants]\ndestinations = [\"audit\"]",
        "hookyard.toml:2: plugins.grants.destinations: destinations are a tenant's: grant them in \
         [tenants.<tenant>.grants] or beside the plugin",
    );
}

#[test]
fn a_credentials_file_is_watched_and_nothing_of_it_is_printed() {
    let folder = Folder::new();
    let text = "[tenants.acme.grants.http.\"api.example.com\"]\nauthorization = { file = \"topi.secret\" }";
    let reading = folder.read(text);
    assert!(
        reading
            .files
            .iter()
            .any(|file| file.ends_with("topi.secret"))
    );
    let settings = reading.result.unwrap_or_else(|faults| panic!("{faults}"));
    assert!(!format!("{settings:?}").contains("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"));
    let grants = granted(&folder, text);
    let api = &grants.http[&Authority {
        host: "api.example.com".into(),
        port: 443,
    }];
    assert_eq!(
        api.credentials["authorization"],
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    );
}
