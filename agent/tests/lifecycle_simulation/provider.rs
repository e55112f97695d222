//! The model provider: rotating refresh tokens with reuse detection. A request may act after the
//! one who sent it is gone.

use crate::model::{Answer, LIFETIME, Name, Token};
use opkssh_agent::lifecycle::REQUEST_LIMIT;

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Provider {
    pub tokens: Vec<TokenState>,
    pub requests: Vec<Request>,
    /// It answers refreshes with an error that is not about the token.
    pub refuses: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenState {
    /// The login that it goes back to.
    pub family: u16,
    pub rotates: bool,
    pub validity: Validity,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Validity {
    Live,
    Spent,
    Revoked,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Request {
    pub name: Name,
    pub token: Token,
    /// What the provider has answered.
    pub reply: Option<Reply>,
    /// The agent waits no more; the request can act until this time.
    pub orphan_until: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reply {
    Tokens(Option<Token>, Answer),
    InvalidGrant,
    Refused,
}

impl Provider {
    pub fn log_in(&mut self, rotates: bool) -> Token {
        let families = self.tokens.iter().map(|token| token.family + 1);
        let family = families.max().unwrap_or(0);
        self.issue(family, rotates)
    }

    fn issue(&mut self, family: u16, rotates: bool) -> Token {
        self.tokens.push(TokenState {
            family,
            rotates,
            validity: Validity::Live,
        });
        self.tokens.len() - 1
    }

    pub fn state(&self, token: Token) -> TokenState {
        self.tokens[token]
    }

    pub fn revoke(&mut self, token: Token) {
        let family = self.state(token).family;
        for one in self.tokens.iter_mut().filter(|one| one.family == family) {
            one.validity = Validity::Revoked;
        }
    }

    /// Lets a request act, once.
    pub fn act(&mut self, place: usize, now: i64) {
        if self.requests[place].reply.is_some() {
            return;
        }
        let token = self.requests[place].token;
        let reply = if self.refuses {
            Reply::Refused
        } else {
            self.refresh(token, now)
        };
        self.requests[place].reply = Some(reply);
    }

    fn refresh(&mut self, token: Token, now: i64) -> Reply {
        let state = self.state(token);
        // now and then an answer is no newer than the last
        let lifetime = if token % 7 == 6 { 0 } else { LIFETIME };
        let answer = Answer {
            renew_at: now + lifetime,
        };
        match state.validity {
            Validity::Live if state.rotates => {
                self.tokens[token].validity = Validity::Spent;
                Reply::Tokens(Some(self.issue(state.family, true)), answer)
            }
            Validity::Live => Reply::Tokens(None, answer),
            Validity::Spent => {
                self.revoke(token);
                Reply::InvalidGrant
            }
            Validity::Revoked => Reply::InvalidGrant,
        }
    }

    /// The agent waits no more for this request.
    pub fn orphan(&mut self, place: usize, now: i64) {
        self.requests[place].orphan_until = Some(now + REQUEST_LIMIT);
        self.bury(now);
    }

    /// Forgets requests that cannot act any more.
    pub fn bury(&mut self, now: i64) {
        self.requests.retain(|request| {
            let orphan = request.orphan_until;
            orphan.is_none_or(|until| request.reply.is_none() && now < until)
        });
    }
}
