//! What was asked for, what was granted, and what is left of it.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use ring::digest;
use ring::rand::{SecureRandom, SystemRandom};
use url::Url;

/// RFC 6749, section 4.1.2 allows ten minutes; honest clients need a second.
const CODE_LIFETIME: Duration = Duration::from_secs(60);
/// Login pages that are open at the same time; the rest would be forgotten ones.
const MAX_PENDING: usize = 100;

/// An authorization request that passed every check.
#[derive(Clone)]
pub struct Request {
    pub redirect_uri: Url,
    /// `redirect_uri` as the client wrote it: the token request must repeat it to the byte.
    pub redirect_text: String,
    pub state: Option<String>,
    pub nonce: Option<String>,
    /// RFC 7636, S256
    pub code_challenge: String,
    pub scope: String,
}

/// Why a token request is refused; the text goes to the client.
#[derive(Debug, PartialEq)]
pub struct Refused(pub &'static str);

/// What a token request is granted.
pub struct Granted {
    pub user: String,
    pub nonce: Option<String>,
    pub scope: String,
    pub refresh_token: String,
}

#[derive(Default)]
pub struct Grants {
    pending: HashMap<String, Request>,
    codes: HashMap<String, Code>,
    /// Every refresh token ever given out, also the rotated ones: that is how reuse is noticed.
    refresh_tokens: HashMap<String, FamilyId>,
    families: HashMap<FamilyId, Family>,
    next_family: FamilyId,
    pub wrong_passwords: u32,
}

type FamilyId = u64;

struct Code {
    request: Request,
    user: String,
    granted_at: SystemTime,
    /// Set once it was used, whatever came of it.
    used: Option<Option<FamilyId>>,
}

/// All refresh tokens that descend from one login.
struct Family {
    user: String,
    nonce: Option<String>,
    scope: String,
    current: String,
}

impl Grants {
    /// Remembers a request while its login page is open; the answer names it.
    pub fn ask(&mut self, request: Request) -> Result<String, Refused> {
        if self.pending.len() >= MAX_PENDING {
            self.pending.clear();
        }
        let id = random()?;
        self.pending.insert(id.clone(), request);
        Ok(id)
    }

    pub fn is_pending(&self, id: &str) -> bool {
        self.pending.contains_key(id)
    }

    /// Takes a pending request: each is answered once.
    pub fn take(&mut self, id: &str) -> Option<Request> {
        self.pending.remove(id)
    }

    /// A code that lets the client fetch tokens for `user`.
    pub fn grant(
        &mut self,
        request: Request,
        user: String,
        granted_at: SystemTime,
    ) -> Result<String, Refused> {
        let code = random()?;
        self.codes.insert(
            code.clone(),
            Code {
                request,
                user,
                granted_at,
                used: None,
            },
        );
        Ok(code)
    }

    /// RFC 6749, section 4.1.3 and RFC 7636, section 4.6. A code is worth one attempt; a second one
    /// also takes back what the first one got (RFC 6749, section 4.1.2).
    pub fn redeem(
        &mut self,
        code: &str,
        redirect_text: &str,
        verifier: &str,
        now: SystemTime,
    ) -> Result<Granted, Refused> {
        let known = self
            .codes
            .get_mut(code)
            .ok_or(Refused("the code is unknown"))?;
        if let Some(family) = known.used {
            family.and_then(|id| self.families.remove(&id));
            return Err(Refused("the code was used before"));
        }
        known.used = Some(None);
        if now
            .duration_since(known.granted_at)
            .is_ok_and(|age| age > CODE_LIFETIME)
        {
            return Err(Refused("the code has expired"));
        }
        if known.request.redirect_text != redirect_text {
            return Err(Refused(
                "redirect_uri differs from the authorization request's",
            ));
        }
        if !is_verifier(verifier) || challenge(verifier) != known.request.code_challenge {
            return Err(Refused("code_verifier does not match the code_challenge"));
        }
        let id = self.next_family;
        self.next_family += 1;
        known.used = Some(Some(id));
        let (user, request) = (known.user.clone(), known.request.clone());
        let refresh_token = random()?;
        self.refresh_tokens.insert(refresh_token.clone(), id);
        let (nonce, scope) = (request.nonce, request.scope);
        let granted = Granted {
            user: user.clone(),
            nonce: nonce.clone(),
            scope: scope.clone(),
            refresh_token: refresh_token.clone(),
        };
        self.families.insert(
            id,
            Family {
                user,
                nonce,
                scope,
                current: refresh_token,
            },
        );
        Ok(granted)
    }

    /// RFC 6749, section 6, with rotation: a refresh token works once, and using it again ends
    /// the whole family (RFC 9700, section 4.14.2).
    pub fn refresh(&mut self, refresh_token: &str) -> Result<Granted, Refused> {
        let id = *self
            .refresh_tokens
            .get(refresh_token)
            .ok_or(Refused("the refresh token is unknown"))?;
        let family = self
            .families
            .get_mut(&id)
            .ok_or(Refused("the refresh token was revoked"))?;
        if family.current != refresh_token {
            self.families.remove(&id);
            return Err(Refused(
                "the refresh token was used before; its login has ended",
            ));
        }
        let next = random()?;
        family.current.clone_from(&next);
        self.refresh_tokens.insert(next.clone(), id);
        Ok(Granted {
            user: family.user.clone(),
            nonce: family.nonce.clone(),
            scope: family.scope.clone(),
            refresh_token: next,
        })
    }

    /// RFC 7009, section 2.1: the token and all that came of the same login. Unknown tokens are
    /// as good as revoked.
    pub fn revoke(&mut self, refresh_token: &str) {
        if let Some(id) = self.refresh_tokens.get(refresh_token) {
            self.families.remove(id);
        }
    }
}

/// RFC 7636, section 4.2.
pub fn challenge(verifier: &str) -> String {
    BASE64URL.encode(digest::digest(&digest::SHA256, verifier.as_bytes()))
}

/// 256 random bits as base64url.
pub fn random() -> Result<String, Refused> {
    let mut bytes = [0; 32];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| Refused("the system gives no random numbers"))?;
    Ok(BASE64URL.encode(bytes))
}

/// RFC 7636, section 4.1.
fn is_verifier(text: &str) -> bool {
    (43..=128).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const REDIRECT: &str = "http://localhost:3000/login-callback";

    fn granted(grants: &mut Grants, at: SystemTime) -> String {
        let request = Request {
            redirect_uri: Url::parse(REDIRECT).unwrap(),
            redirect_text: REDIRECT.into(),
            state: None,
            nonce: None,
            code_challenge: challenge(VERIFIER),
            scope: "openid".into(),
        };
        grants.grant(request, "alice".into(), at).unwrap()
    }

    #[test]
    fn challenge_is_the_one_of_rfc_7636_appendix_b() {
        assert_eq!(
            challenge(VERIFIER),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }

    #[test]
    fn a_code_expires() {
        let mut grants = Grants::default();
        let start = SystemTime::UNIX_EPOCH;
        let code = granted(&mut grants, start);
        let late = start + CODE_LIFETIME + Duration::from_secs(1);
        let refused = grants.redeem(&code, REDIRECT, VERIFIER, late).err();
        assert_eq!(refused, Some(Refused("the code has expired")));
    }

    #[test]
    fn a_code_used_again_ends_the_login_it_gave() {
        let mut grants = Grants::default();
        let now = SystemTime::UNIX_EPOCH;
        let code = granted(&mut grants, now);
        let first = grants.redeem(&code, REDIRECT, VERIFIER, now).ok().unwrap();
        assert!(grants.redeem(&code, REDIRECT, VERIFIER, now).is_err());
        assert!(grants.refresh(&first.refresh_token).is_err());
    }

    #[test]
    fn a_wrong_attempt_spends_the_code() {
        let mut grants = Grants::default();
        let now = SystemTime::UNIX_EPOCH;
        let code = granted(&mut grants, now);
        assert!(
            grants
                .redeem(&code, "http://localhost:3001/login-callback", VERIFIER, now)
                .is_err()
        );
        assert!(grants.redeem(&code, REDIRECT, VERIFIER, now).is_err());
    }
}
