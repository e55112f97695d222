//! A throw-away certificate authority, and a certificate for localhost from it.

use std::fs;
use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};

pub(crate) const CA: &str = "ca.pem";
pub(crate) const CERTIFICATE: &str = "localhost.pem";
pub(crate) const KEY: &str = "localhost.key";

/// Writes [`CA`], [`CERTIFICATE`] and [`KEY`] (PEM) into `directory`. The CA's
/// own key is forgotten.
pub(crate) fn write(directory: &Path) {
    let mut ca = CertificateParams::default();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    ca.distinguished_name
        .push(DnType::CommonName, "throw-away CA of the opkssh tests");
    let ca_key = KeyPair::generate().expect("a CA key");
    let ca_certificate = ca.self_signed(&ca_key).expect("a CA certificate");
    let issuer = Issuer::new(ca, ca_key);

    let names = ["localhost", "127.0.0.1", "::1"]
        .map(str::to_owned)
        .to_vec();
    let mut server = CertificateParams::new(names).expect("certificate names");
    server
        .distinguished_name
        .push(DnType::CommonName, "localhost");
    server.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate().expect("a server key");
    let certificate = server
        .signed_by(&key, &issuer)
        .expect("a server certificate");

    for (name, pem) in [
        (CA, ca_certificate.pem()),
        (CERTIFICATE, certificate.pem()),
        (KEY, key.serialize_pem()),
    ] {
        fs::write(directory.join(name), pem).expect("a PEM file");
    }
}
