//! TLS: what is trusted, as whom to connect, and which HTTP is spoken (ALPN).

use std::sync::Arc;

use rustls::client::WantsClientCert;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore};

use crate::error::Error;
use crate::policy::{Identity, Policy};

/// What every policy of a door trusts, and the configuration of those that say no more.
#[derive(Debug, Clone)]
pub(crate) struct Trust {
    roots: RootCertStore,
    plain: Arc<ClientConfig>,
}

impl Trust {
    /// The platform's roots and `extra` ones.
    pub(crate) fn new(extra: &[Vec<u8>]) -> Result<Self, Error> {
        let mut roots = RootCertStore::empty();
        // Platforms carry old roots that don't parse; those are skipped.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            tracing::warn!(target: "hookyard::egress", "no root certificates found on this machine; https requests will fail until some are installed");
        }
        add(&mut roots, extra)?;
        let plain = finish(builder(roots.clone())?, None)?;
        Ok(Self { roots, plain })
    }

    /// The configuration for a policy. One with roots or a certificate of its own shares no TLS session with others.
    pub(crate) fn of(&self, policy: &Policy) -> Result<Arc<ClientConfig>, Error> {
        if policy.roots.is_empty() && policy.identity.is_none() {
            return Ok(Arc::clone(&self.plain));
        }
        let mut roots = self.roots.clone();
        add(&mut roots, &policy.roots)?;
        finish(builder(roots)?, policy.identity.as_ref())
    }
}

/// Whether a policy's roots and certificate can be used.
pub(crate) fn check(policy: &Policy) -> Result<(), Error> {
    let mut roots = RootCertStore::empty();
    add(&mut roots, &policy.roots)?;
    finish(builder(roots)?, policy.identity.as_ref()).map(drop)
}

fn builder(roots: RootCertStore) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let versions =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    Ok(versions
        .map_err(Error::Setup)?
        .with_root_certificates(roots))
}

fn finish(
    builder: ConfigBuilder<ClientConfig, WantsClientCert>,
    identity: Option<&Identity>,
) -> Result<Arc<ClientConfig>, Error> {
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let (chain, key) = read(identity)?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| Error::Identity(Some(error.into())))?
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn read(
    identity: &Identity,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), Error> {
    // The parser's words may quote the file, and a key is in it.
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&identity.certificate)
        .collect::<Result<_, _>>()
        .map_err(|_| Error::Identity(None))?;
    if chain.is_empty() {
        return Err(Error::Identity(None));
    }
    let key = PrivateKeyDer::from_pem_slice(&identity.key).map_err(|_| Error::Identity(None))?;
    Ok((chain, key))
}

fn add(store: &mut RootCertStore, texts: &[Vec<u8>]) -> Result<(), Error> {
    for (index, pem) in texts.iter().enumerate() {
        let number = index + 1;
        let fault = |source: crate::error::Cause| Error::Roots {
            number,
            source: Some(source),
        };
        let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem)
            .collect::<Result<_, _>>()
            .map_err(|error| fault(error.into()))?;
        if certificates.is_empty() {
            return Err(Error::Roots {
                number,
                source: None,
            });
        }
        for certificate in certificates {
            store
                .add(certificate)
                .map_err(|error| fault(error.into()))?;
        }
    }
    Ok(())
}
