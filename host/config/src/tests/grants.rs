//! The `[grants]` tables.

use hookyard_plugin::{Authority, Grants};

use super::support::{Folder, SECRET, check};

/// Returns the grants of the plugins of acme.
fn granted(folder: &Folder, text: &str) -> Grants {
    let granted = folder
        .settings(text)
        .plugins
        .grants
        .of_tenant(&"acme".parse().expect("a name"));
    granted.rules.grants(&granted.destinations)
}

fn hosts(grants: &Grants) -> Vec<String> {
    grants.http.keys().map(ToString::to_string).collect()
}

#[test]
fn narrowest_grant_counts_for_each_key() {
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
fn destinations_are_granted_by_name() {
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
    let names: Vec<_> = grants
        .destinations
        .iter()
        .map(|(name, provider)| (name.as_str(), provider.as_deref()))
        .collect();
    assert_eq!(names, [("audit", None), ("partner", Some("topi-saas"))]);
    assert!(
        granted(&folder, &text).destinations.is_empty(),
        "none by default"
    );
    check(
        "[plugins.grants]\ndestinations = [\"audit\"]",
        "hookyard.toml:2: plugins.grants.destinations: cannot be granted here, because each \
         destination belongs to a tenant; grant it in [tenants.<tenant>.grants] or in the plugin's settings file",
    );
}

#[test]
fn credential_file_is_watched_and_not_printed() {
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
    assert!(!format!("{settings:?}").contains(SECRET));
    let grants = granted(&folder, text);
    let api = &grants.http[&Authority {
        host: "api.example.com".into(),
        port: 443,
    }];
    assert_eq!(api.credentials["authorization"], SECRET);
}
