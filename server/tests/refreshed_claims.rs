//! A refreshed ID token counts for policy: what denies looks at both tokens, and what allows must
//! hold in the refreshed one too, wherever that one carries the claim.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod forge;
#[expect(dead_code, reason = "a stage for several suites")]
mod stage;

use forge::{CLIENT, Login};
use opkssh_protocol::base64url;
use serde_json::{Value, json};
use stage::{ACCOUNT, Provider, Server, issued, now};

/// A login whose ID token has expired, on a server that counts refreshed ones.
struct Scene {
    login: Login,
    server: Server,
    issuer: String,
    _provider: Provider,
}

impl Scene {
    fn new(claims: Value) -> Self {
        let login = Login::new();
        let provider = Provider::of(&login);
        let issuer = provider.address.clone();
        let login =
            issued(login, &issuer, now() - 9 * 86_400).with(|login| put(&mut login.claims, claims));
        let server = Server::for_login(&login, &issuer);
        let scene = Self {
            login,
            server,
            issuer,
            _provider: provider,
        };
        let row = format!("{} {CLIENT} oidc_refreshed\n", scene.issuer);
        scene.server.write("providers", &row);
        scene
    }

    /// Only this row of `auth_id` lets somebody in.
    fn row(&self, identity: &str) {
        let row = format!("{ACCOUNT} {identity} {}\n", self.issuer);
        self.server.write("auth_id", &row);
    }

    /// Only these rules let somebody in; `ISSUER` and `ME` are filled in.
    fn rules(&self, text: &str) {
        let text = text.replace("ISSUER", &self.issuer).replace("ME", ACCOUNT);
        self.server.write("rules.yml", &text);
        self.server.write("auth_id", "");
    }

    /// The first token's claims, changed like this, refreshed a minute ago.
    fn verify(&self, changes: Value) -> Result<(), String> {
        let mut claims = self.login.claims.clone();
        claims["iat"] = (now() - 60).into();
        claims["exp"] = (now() + 600).into();
        put(&mut claims, changes);
        let payload = claims.to_string();
        let (header, signature) = self.login.id_token(&payload);
        let payload = base64url::encode(payload);
        let token = format!("{}.{header}.{payload}.{signature}", self.login.pk_token());
        let (key_type, words) = self.login.certificate.words(&self.login.user_key, &token);
        self.server.verify_words(&key_type, &words).1
    }

    #[track_caller]
    fn allows(&self, changes: Value) {
        assert_eq!(self.verify(changes), Ok(()), "{}", self.server.log());
    }

    #[track_caller]
    fn refuses(&self, changes: Value, why: &str) {
        let error = self.verify(changes).expect_err("refused");
        assert!(error.contains(why), "{error}");
    }
}

/// `"remove"` takes a claim away.
fn put(claims: &mut Value, changes: Value) {
    let claims = claims.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        if value == "remove" {
            claims.remove(name);
        } else {
            claims.insert(name.clone(), value.clone());
        }
    }
}

#[test]
fn a_row_must_hold_in_the_refreshed_token_too() {
    let scene = Scene::new(json!({"groups": ["dev"]}));
    scene.row("oidc:groups:dev");
    scene.allows(json!({}));
    scene.allows(json!({"groups": "remove"}));
    for groups in [json!([]), json!(["ops"]), Value::Null] {
        scene.refuses(json!({"groups": groups}), "no policy to allow");
    }
    for identity in ["alice@x.example", "oidc-match-end:email:@x.example"] {
        scene.row(identity);
        scene.allows(json!({}));
        scene.allows(json!({"email": "ALICE@x.example"}));
        scene.allows(json!({"email": "remove"}));
        scene.refuses(json!({"email": "bob@y.example"}), "no policy to allow");
        scene.refuses(json!({"email": null}), "no policy to allow");
    }
    scene.row("sub-1");
    scene.allows(json!({"email": "bob@y.example", "groups": []}));
}

#[test]
fn a_rule_must_hold_in_the_refreshed_token_too() {
    let scene = Scene::new(json!({
        "groups": ["dev"], "acr": "gold", "amr": ["mfa"], "realm": {"roles": ["dev"]}
    }));
    for rest in ["", ", max_age_since_refresh: 24h"] {
        let rule = |when: &str| {
            format!(
                "rules: [{{name: a, issuer: 'ISSUER', accounts: [ME], when: [{when}]{rest}}}]\n"
            )
        };
        scene.rules(&rule("{claim: groups, has: dev}"));
        scene.allows(json!({}));
        scene.allows(json!({"groups": "remove"}));
        scene.refuses(json!({"groups": []}), "no policy to allow");
        scene.refuses(json!({"groups": null}), "no policy to allow");
        scene.rules(&rule("{claim: [realm, roles], has: dev}"));
        scene.allows(json!({"realm": "remove"}));
        scene.refuses(json!({"realm": {}}), "no policy to allow");
        scene.rules(&rule("{claim: suspended, present: false}"));
        scene.allows(json!({}));
        scene.refuses(json!({"suspended": true}), "no policy to allow");
        let more = "{claim: sub, is: sub-1}], acr: gold, amr: mfa, email_verified: true, hours: \
                    [{from: '00:00', to: '24:00'}";
        scene.rules(&rule(more));
        scene.allows(json!({}));
        scene.allows(json!({"acr": "remove", "amr": "remove", "email_verified": "remove"}));
        for change in [
            json!({"acr": "bronze"}),
            json!({"amr": ["pwd"]}),
            json!({"email_verified": false}),
            // another address, and the first token's word is about the first one
            json!({"email": "bob@x.example", "email_verified": "remove"}),
        ] {
            scene.refuses(change, "no policy to allow");
        }
    }
}

#[test]
fn what_denies_looks_at_both_tokens() {
    let scene = Scene::new(json!({"groups": ["dev"]}));
    scene.row("sub-1");
    scene
        .server
        .write("config.yml", "deny_emails: [bob@x.example]\n");
    scene.allows(json!({}));
    scene.refuses(json!({"email": "Bob@x.example"}), "denied email");
    let text = "rules: [{name: stop, effect: deny, when: [{claim: groups, has: suspended}]}]\n";
    scene.server.write("rules.yml", text);
    scene.allows(json!({}));
    scene.allows(json!({"groups": "remove"}));
    scene.refuses(json!({"groups": ["dev", "suspended"]}), "denied by");
    // and so it does where only the first one says so
    let scene = Scene::new(json!({"groups": ["suspended"]}));
    scene.row("sub-1");
    scene.server.write("rules.yml", text);
    scene.refuses(json!({"groups": ["dev"]}), "denied by");
}

#[test]
fn options_are_filled_from_the_newest_statement() {
    let scene = Scene::new(json!({"nets": ["10.0.0.0/8"], "name": "old"}));
    scene.rules(
        "rules: [{name: a, issuer: 'ISSUER', accounts: [ME], when: [{claim: sub, is: sub-1}], \
         slots: {net: {claim: nets, type: cidrs}}, options: {from: '{net}'}}]\n",
    );
    scene.allows(json!({"nets": "remove"}));
    scene.refuses(json!({"nets": null}), "cannot be filled in");
    scene.refuses(json!({"nets": ["*"]}), "cannot be filled in");
}

#[test]
fn a_refreshed_token_of_another_client_does_not_count() {
    let scene = Scene::new(json!({"azp": CLIENT}));
    let two = format!(
        "{issuer} {CLIENT} oidc_refreshed\n{issuer} client-2 oidc_refreshed\n",
        issuer = scene.issuer
    );
    scene.server.write("providers", &two);
    scene.allows(json!({}));
    scene.allows(json!({"aud": ["other", CLIENT], "azp": "remove"}));
    scene.refuses(json!({"aud": "client-2", "azp": "client-2"}), "client");
    scene.refuses(json!({"aud": "client-2", "azp": "remove"}), "client");
    scene.refuses(
        json!({"aud": [CLIENT, "client-2"], "azp": "client-2"}),
        "client",
    );
}
