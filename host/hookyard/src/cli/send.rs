//! `hookyard send`: sends events of a provider, signed as the provider signs them.

use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use bytes::Bytes;
use clap::Args;
use hookyard_develop::progress::Progress;
use hookyard_develop::receiver::Receiver;
use hookyard_develop::send::{self, Change, Credentials, Sample, Sender, Sending};
use hookyard_schemes::{CERTIFICATE_PATH, Provider, SchemeKind, Secret, new_jws_key, new_sns_key};
use http::StatusCode;
use uuid::Uuid;

use crate::cli::Failure;
use crate::cli::shared::author;
use crate::output;

/// The topic of SNS messages if none is given.
const TOPIC: &str = "arn:aws:sns:eu-west-1:000000000000:hookyard-send";

/// The arguments of `hookyard send`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The provider to send as, such as topper
    provider: String,
    /// The event: a sample of the provider, by its name or type; default: the first
    #[arg(long, value_name = "NAME")]
    event: Option<String>,
    /// A file with the body, in place of a sample
    #[arg(long, value_name = "FILE", conflicts_with = "event")]
    body: Option<PathBuf>,
    /// Change a value of the body, as in /data/amount=5
    #[arg(long, value_name = "POINTER=VALUE")]
    set: Vec<Change>,
    /// The URL of the receiver
    #[arg(long, value_name = "URL", required_unless_present = "generate_key")]
    to: Option<String>,
    /// The scheme, if it is not the provider's default; `none` to sign nothing
    #[arg(long, value_name = "NAME")]
    scheme: Option<String>,
    /// The secret, token or password: env:NAME, file:PATH or text:VALUE
    #[arg(long, value_name = "WHERE")]
    secret: Option<SecretPlace>,
    /// The file of the private key, in PEM or as a JSON Web Key
    #[arg(long, value_name = "FILE", conflicts_with = "secret")]
    key: Option<PathBuf>,
    /// Write a new private key to this file, print what the receiver needs, and send nothing
    #[arg(long, value_name = "FILE")]
    generate_key: Option<PathBuf>,
    /// The user of the scheme basic
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// The header with the proof, if it is not the provider's
    #[arg(long, value_name = "NAME")]
    header: Option<String>,
    /// The topic of the scheme aws-sns
    #[arg(long, value_name = "ARN", default_value = TOPIC)]
    topic: String,
    /// Where to serve the certificate of the scheme aws-sns
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8099")]
    certificate_at: SocketAddr,
    /// The number of events, each with an id of its own
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=send::COUNT_MAX))]
    count: u64,
    /// The number of events per second; default: as many as possible
    #[arg(long, value_name = "NUMBER", value_parser = rate)]
    rate: Option<f64>,
    /// The number of requests at the same time
    #[arg(long, value_name = "NUMBER", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=512))]
    concurrency: u16,
    /// Send the same event each time, as a sender does that got no answer
    #[arg(long)]
    repeat: bool,
}

/// Where a secret is.
#[derive(Debug, Clone)]
enum SecretPlace {
    Variable(String),
    File(PathBuf),
    Text(String),
}

impl FromStr for SecretPlace {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("env", name)) => Ok(Self::Variable(name.to_owned())),
            Some(("file", path)) => Ok(Self::File(path.into())),
            Some(("text", value)) => Ok(Self::Text(value.to_owned())),
            _ => Err("must be env:NAME, file:PATH or text:VALUE".to_owned()),
        }
    }
}

impl SecretPlace {
    fn read(&self) -> anyhow::Result<Secret> {
        match self {
            Self::Variable(name) => std::env::var(name)
                .map(Secret::new)
                .with_context(|| format!("the variable {name} cannot be read")),
            Self::File(path) => read_secret(path),
            Self::Text(value) => Ok(Secret::new(value.as_str())),
        }
    }
}

/// Reads a file without its last line end.
fn read_secret(path: &Path) -> anyhow::Result<Secret> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(Secret::new(bytes.strip_suffix(b"\n").unwrap_or(&bytes)))
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok();
    rate.filter(|rate| *rate > 0.0 && *rate <= send::RATE_MAX)
        .ok_or_else(|| format!("must be a number above 0, no more than {}", send::RATE_MAX))
}

/// Sends the events and prints a summary. An answer that is not a success is a failure.
pub(crate) async fn run(config_path: &Path, arguments: Arguments) -> Result<(), Failure> {
    let provider = author::provider(&author::providers_of(config_path)?, &arguments.provider)?;
    let kind = send::kind(&provider, arguments.scheme.as_deref()).map_err(Failure::Arguments)?;

    if let Some(file) = &arguments.generate_key {
        return generate_key(kind, file, &arguments);
    }
    let sample = sample(config_path, &provider, &arguments)?;
    let sender = Sender::new(provider, kind, credentials(&arguments)?);
    let sender = Arc::new(sender.map_err(Failure::Arguments)?);
    let _certificate = serve_certificate(&sender, arguments.certificate_at).await?;

    let url = arguments.to.clone().unwrap_or_default();
    let name = sample.event_type.as_deref().unwrap_or(&sample.name);
    let heading = format!("{name} to {url}");
    let sending = Sending {
        headers: sample.headers(),
        event_type: sample.event_type.clone(),
        body: send::changed(sample.body, &arguments.set).map_err(Failure::Arguments)?,
        url,
        count: arguments.count,
        rate: arguments.rate,
        concurrency: arguments.concurrency.into(),
        is_repeat: arguments.repeat,
    };

    let progress = Progress::new(arguments.count, std::io::stdout().is_terminal());
    let client = send::client().map_err(|reason| anyhow!(reason))?;
    let summary = send::run(&client, &sender, sending, &|_| progress.step()).await;
    progress.finish();
    let summary = summary.map_err(|reason| anyhow!(reason))?;

    let seconds = summary.took.as_secs_f64();
    let count = arguments.count;
    output::line(format_args!("sent {count} of {heading} in {seconds:.2} s"))?;
    output::text(summary.text())?;
    if summary.is_good() {
        Ok(())
    } else {
        Err(Failure::Reported)
    }
}

/// Returns the sample or the file to send.
fn sample(
    config_path: &Path,
    provider: &Provider,
    arguments: &Arguments,
) -> Result<Sample, Failure> {
    if let Some(path) = &arguments.body {
        let body =
            std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        return Ok(Sample {
            name: path.display().to_string(),
            event_type: None,
            body,
            is_form: path.extension().is_some_and(|end| end == "txt"),
        });
    }

    let samples = author::samples(config_path, provider)?;
    let sample = send::choose(&samples, arguments.event.as_deref()).map_err(Failure::Arguments)?;
    Ok(sample.clone())
}

fn credentials(arguments: &Arguments) -> Result<Credentials, Failure> {
    let secret = match (&arguments.key, &arguments.secret) {
        (Some(path), _) => Some(read_secret(path)?),
        (None, Some(place)) => Some(place.read()?),
        (None, None) => None,
    };
    Ok(Credentials {
        secret,
        user: arguments.user.clone(),
        header: arguments.header.clone(),
        sns: Some((arguments.topic.clone(), certificate_url(arguments))),
    })
}

fn certificate_url(arguments: &Arguments) -> String {
    format!("http://{}{CERTIFICATE_PATH}", arguments.certificate_at)
}

/// Serves the certificate while the receiver may fetch it. Most schemes have no certificate.
async fn serve_certificate(
    sender: &Sender,
    address: SocketAddr,
) -> Result<Option<Receiver>, Failure> {
    let Some(certificate) = sender.certificate().map_err(|reason| anyhow!(reason))? else {
        return Ok(None);
    };

    let certificate = Bytes::from(certificate);
    let respond = move |_: &http::Method, path: &str| {
        if path == CERTIFICATE_PATH {
            (StatusCode::OK, certificate.clone())
        } else {
            (StatusCode::NOT_FOUND, Bytes::new())
        }
    };
    let server = Receiver::start(address, Arc::new(respond)).await;
    let server = server.map_err(|reason| {
        anyhow!("{reason}; serve the certificate at another address with --certificate-at")
    })?;
    Ok(Some(server))
}

/// Writes a new private key, and prints what the receiver must be configured with.
fn generate_key(kind: SchemeKind, file: &Path, arguments: &Arguments) -> Result<(), Failure> {
    let failed = || anyhow!("no key was made");
    match kind {
        SchemeKind::DetachedJws => {
            let id = Uuid::new_v4().to_string();
            let key = new_jws_key(&id).map_err(|_| failed())?;
            write_key(file, &key.private)?;
            output::line(key.public)
        }
        SchemeKind::AwsSns => {
            let key = new_sns_key().map_err(|_| failed())?;
            let sender = hookyard_schemes::SnsSigner::new(
                &Secret::new(key.as_str()),
                arguments.topic.clone(),
                certificate_url(arguments),
            );
            let certificate = sender.map_err(anyhow::Error::from)?.certificate();
            let certificate = certificate.map_err(anyhow::Error::from)?;
            write_key(file, &key)?;
            output::text(format_args!(
                "{certificate}# The receiver must trust this certificate. In a source of Hookyard, with the \
                 certificate in the file sns.pem:\n\
                 #   topics = [\"{}\"]\n#   certificate_url = \"http://{}/\"\n#   trust = \"sns.pem\"\n\
                 # and at the top level: [egress] addresses = [\"{}\"]\n",
                arguments.topic,
                arguments.certificate_at,
                arguments.certificate_at.ip()
            ))
        }
        _ => Err(Failure::Arguments(format!(
            "the scheme {kind} has no private key; give its secret with --secret"
        ))),
    }
}

/// Writes a private key to a new file that only this user can read.
fn write_key(file: &Path, key: &str) -> anyhow::Result<()> {
    use std::io::Write as _;

    let mut created = hookyard_private::create(file)
        .with_context(|| format!("cannot create {}; name a new file", file.display()))?;
    created
        .write_all(key.as_bytes())
        .with_context(|| format!("cannot write {}", file.display()))
}
