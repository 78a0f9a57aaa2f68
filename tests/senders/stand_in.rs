//! A stand-in for the site of a sender's certificates: a root, a certificate of the sender, and a
//! server on loopback.

use std::sync::OnceLock;

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, PKCS_RSA_SHA256,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// The name of PayPal's certificates.
const NAME: &str = "messageverificationcerts.paypal.com";

static URL: OnceLock<String> = OnceLock::new();

/// Returns the URL of the certificate, once the server has started.
pub(crate) fn certificate_url() -> String {
    format!("{}CERT-360caa42-fca2a594-1d93a270", url())
}

/// Returns the URL of the site.
pub(crate) fn url() -> &'static str {
    URL.get().map_or("", String::as_str)
}

/// Serves a certificate for this private key, in PKCS #8, and returns the root in PEM.
pub(crate) async fn start(key: &[u8]) -> Result<String> {
    let root_key = KeyPair::generate_for(&PKCS_RSA_SHA256)?;
    let mut root = params("Hookyard test root")?;
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = CertifiedIssuer::self_signed(root, root_key)?;
    let key = KeyPair::try_from(key)?;
    let certificate = params(NAME)?.signed_by(&key, &root)?.pem();

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    URL.set(format!("http://{address}/"))
        .ok()
        .context("the server has started already")?;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let answer = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{certificate}",
                certificate.len()
            );
            // The host reads nothing from a connection that fails, and the trial says so.
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    Ok(root.pem())
}

fn params(name: &str) -> Result<CertificateParams> {
    let mut params = CertificateParams::new(vec![name.to_owned()])?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2045, 1, 1);
    Ok(params)
}
