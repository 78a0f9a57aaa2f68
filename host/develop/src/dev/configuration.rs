//! The configuration of the host under development.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

use hookyard_model::DestinationName;

use super::source::{Source, destination_lines};
use crate::workbench::{Providers, TENANT};

/// The ending of the name of a source that accepts unsigned events.
pub const OPEN: &str = "-open";

/// What the configuration depends on.
pub struct Configuration<'c> {
    /// The address of the host.
    pub listen: SocketAddr,
    /// The folder of compiled code, which the user's commands share.
    pub cache: Option<&'c Path>,
    /// The folder of the operator's providers.
    pub providers_folder: Option<&'c Path>,
    /// The sources.
    pub sources: &'c [Source],
    /// The destinations, each with the provider whose typed events it accepts.
    pub destinations: &'c BTreeMap<DestinationName, Option<String>>,
    /// The address that receives all messages.
    pub receiver: SocketAddr,
}

/// Lets the plugin answer every request. A request without a response is answered once its event is
/// handled.
const ACK: &str = "ack = \"responder\"\nack_timeout = \"10s\"\n";

impl Configuration<'_> {
    /// Returns the text of the configuration. Files with secrets go to `folder`.
    ///
    /// # Errors
    ///
    /// Returns the reason if a secret cannot be made or written.
    pub fn text(&self, providers: &Providers, folder: &Path) -> Result<String, String> {
        let mut out = format!(
            "shutdown_timeout = \"2s\"\n[ingress]\nlisten = \"{}\"\n[admin]\nlisten = \
             \"127.0.0.1:0\"\n[egress]\naddresses = [\"127.0.0.1\"]\n[retry]\nattempts_max = \
             3\ndelay_first = \"5s\"\n[quarantine]\nenabled = false\n[release]\nrollback = \
             false\n[rehearsal]\npolicy = \"off\"\n[store]\nurl = \"sqlite:hookyard.db\"\n[plugins]\nfolder = \
             \"plugins\"\nrevisions = \"revisions\"\n",
            self.listen
        );
        if let Some(cache) = self.cache {
            let _ = writeln!(out, "cache = {}", quoted(cache));
        }
        if let Some(folder) = self.providers_folder {
            let _ = writeln!(out, "[providers]\nfolder = {}", quoted(folder));
        }

        for source in self.sources {
            let name = &source.provider.name;
            let _ = write!(
                out,
                "[tenants.{TENANT}.sources.{name}]\n{}{ACK}[tenants.{TENANT}.sources.{name}{OPEN}]\n\
                 provider = \"{name}\"\nscheme = \"unverified\"\n{ACK}",
                source.lines
            );
        }
        for (name, provider) in self.destinations {
            let provider = provider.as_ref().and_then(|name| providers.get(name));
            let lines = destination_lines(name.as_str(), provider.map(|it| &**it), folder)?;
            let _ = write!(
                out,
                "[tenants.{TENANT}.destinations.{name}]\nurl = \"http://{}/{name}\"\nallow_http = \
                 true\naddresses = [\"127.0.0.1\"]\n{lines}",
                self.receiver
            );
        }

        let names = self.destinations.keys();
        let names: Vec<_> = names.map(|name| format!("\"{name}\"")).collect();
        let _ = write!(
            out,
            "[tenants.{TENANT}.grants]\ndestinations = [{}]\n",
            names.join(", ")
        );
        Ok(out)
    }
}

fn quoted(path: &Path) -> String {
    format!("{:?}", path.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::sync::Arc;

    use hookyard_config::document::Sink;
    use hookyard_config::providers;
    use hookyard_config::references::Resolver;

    use super::*;

    #[tokio::test]
    async fn host_accepts_the_configuration() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("hookyard.toml");
        let resolver = Resolver::of_process(&path);
        let providers = Arc::new(providers::all(None, &resolver, &Sink::default()));
        let mut sources = Vec::new();
        for provider in providers.values() {
            let source = Source::new(Arc::clone(provider), folder.path()).await;
            sources.push(source.expect("a source"));
        }

        let destination = |name: &str, provider: Option<&str>| {
            let name = DestinationName::new(name).expect("a name");
            (name, provider.map(str::to_owned))
        };
        let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let configuration = Configuration {
            listen: loopback,
            cache: Some(folder.path()),
            providers_folder: None,
            sources: &sources,
            destinations: &BTreeMap::from([
                destination("answers", Some("topi-saas")),
                destination("raw", None),
            ]),
            receiver: SocketAddr::from((Ipv4Addr::LOCALHOST, 9000)),
        };
        let text = configuration.text(&providers, folder.path());
        std::fs::write(&path, text.expect("a configuration")).expect("written");

        let settings = hookyard_config::read(&path).result.expect("it is valid");
        assert_eq!(settings.sources.len(), 2 * providers.len());
        assert_eq!(settings.destinations.len(), 2);
    }
}
