use std::collections::BTreeMap;
use std::sync::Arc;

use openidconnect::{HttpRequest, HttpResponse};
use opkssh_protocol::cic::ClientInstanceClaims;
use opkssh_protocol::config::parse_provider_argument;
use opkssh_protocol::control::KeyType;
use opkssh_protocol::key_set::KeySet;
use opkssh_protocol::user_key::UserKey;
use serde_json::{Value, json};
use url::Url;

use super::super::Http;
use super::*;
use crate::desktop::surroundings::Surroundings;

fn client(provider: &str, offered: Value) -> ProviderClient {
    let metadata = json!({
        "issuer": "https://id.example.com",
        "authorization_endpoint": "https://id.example.com/authorize?tenant=1",
        "token_endpoint": "https://id.example.com/token",
        "jwks_uri": "https://id.example.com/keys",
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": offered,
    });
    ProviderClient {
        http: Http::new(Arc::new(Surroundings::of_process(false))),
        provider: parse_provider_argument(provider).unwrap(),
        metadata: serde_json::from_value(metadata).unwrap(),
        keys: KeySet::parse(br#"{"keys":[]}"#).unwrap(),
    }
}

#[test]
fn an_authorization_request_holds_the_commitment_and_what_is_configured() {
    let mut client = client("https://id.example.com,an id,,a openid b", Value::Null);
    client.provider.access_type = "offline".to_owned();
    let key = UserKey::generate(KeyType::Ecdsa).unwrap();
    let cic = ClientInstanceClaims::new(&key.public_key(), key.algorithm(), [1; 32]).unwrap();
    let commitment = cic.commitment();
    let redirect_uri = "http://localhost:3000/login-callback";
    let hint = Some("alice@example.com");
    let asked = client.authorization(redirect_uri, &commitment, "", hint);
    let asked = asked.unwrap();
    let url = Url::parse(&asked.url).unwrap();
    let mut parameters: BTreeMap<_, _> = url.query_pairs().into_owned().collect();
    assert!(parameters.remove("code_challenge").is_some());
    let expected = [
        ("access_type", "offline"),
        ("client_id", "an id"),
        ("code_challenge_method", "S256"),
        ("login_hint", "alice@example.com"),
        ("nonce", commitment.as_str()),
        ("redirect_uri", redirect_uri),
        ("response_type", "code"),
        ("scope", "openid a b"),
        ("state", &asked.state),
        ("tenant", "1"),
    ];
    let parameters = parameters.iter();
    let mut parameters = parameters.map(|(name, value)| (&**name, &**value));
    assert!(parameters.by_ref().eq(expected), "{url}");
}

#[test]
fn a_client_authenticates_as_it_may_have_been_registered() {
    let both = json!(["client_secret_post", "client_secret_basic"]);
    let (with_secret, public) = ("https://id.example.com,c,s", "https://id.example.com,c");
    for (provider, offered, expected) in [
        (with_secret, Value::Null, "(BasicAuth, None)"),
        (with_secret, json!(["private_key_jwt"]), "(BasicAuth, None)"),
        (
            with_secret,
            json!(["client_secret_post"]),
            "(RequestBody, None)",
        ),
        (with_secret, both.clone(), "(BasicAuth, Some(RequestBody))"),
        (public, both, "(RequestBody, None)"),
    ] {
        let ways = client(provider, offered).ways();
        assert_eq!(format!("{ways:?}"), expected);
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_is_not_quoted() {
    for answer in [
        r#"{"access_token": 1, "token_type": "bearer", "id_token": "secret"}"#,
        r#"{"access_token": "secret", "token_type": "bearer", "id_token": "secret"}"#,
        r#"{"id_token": "secret""#,
    ] {
        let answers = async |_: HttpRequest| {
            let response = HttpResponse::new(answer.as_bytes().to_vec());
            Ok::<_, HttpError>(response)
        };
        let client = client("https://id.example.com,c", Value::Null);
        let token = RefreshToken::new("secret".to_owned());
        let client = client.client(AuthType::RequestBody);
        let request = client.exchange_refresh_token(&token).unwrap();
        let error = tokens(request.request_async(&answers).await).err().unwrap();
        let text = error.to_string();
        assert!(
            text.contains("token endpoint") && !text.contains("secret"),
            "{text}"
        );
    }
}
