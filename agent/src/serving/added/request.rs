//! A request to add a key (RFC 9987 sections 3.2 and 3.2.6).

use std::time::Duration;

use opkssh_protocol::wire::Reader;

use super::error::KeyChangeError;
use super::sent_key::SentKey;
use crate::serving::constraints::{Constraints, Destination};

const LIFETIME: u8 = 1;
const CONFIRM: u8 = 2;
const EXTENSION: u8 = 255;
const RESTRICT_DESTINATION: &[u8] = b"restrict-destination-v00@openssh.com";

pub struct AddRequest {
    pub key: SentKey,
    pub comment: String,
    pub lifetime: Option<Duration>,
    pub constraints: Constraints,
}

impl AddRequest {
    /// Reads the body of a request. A constraint that is not known, or comes twice, is an error:
    /// the key would be used in ways that the person did not want.
    pub fn parse(body: &[u8]) -> Result<Self, KeyChangeError> {
        let mut reader = Reader::new(body);
        let key = SentKey::read(&mut reader)?;
        let comment = String::from_utf8_lossy(reader.string()?).into_owned();
        let (mut lifetime, mut confirm, mut destinations) = (None, None, None);
        while !reader.rest().is_empty() {
            let is_first = match reader.u8()? {
                LIFETIME => {
                    let seconds = Duration::from_secs(reader.u32()?.into());
                    lifetime.replace(seconds).is_none()
                }
                CONFIRM => confirm.replace(true).is_none(),
                EXTENSION => {
                    let name = reader.string()?;
                    if name != RESTRICT_DESTINATION {
                        let name = String::from_utf8_lossy(name).into_owned();
                        return Err(KeyChangeError::UnknownConstraint(name));
                    }
                    let all = Destination::parse_all(reader.string()?)?;
                    destinations.replace(all).is_none()
                }
                other => return Err(KeyChangeError::UnknownConstraint(format!("number {other}"))),
            };
            if !is_first {
                return Err(KeyChangeError::ConstraintTwice);
            }
        }
        Ok(Self {
            key,
            comment,
            lifetime,
            constraints: Constraints {
                confirm: confirm.unwrap_or(false),
                destinations: destinations.unwrap_or_default(),
            },
        })
    }
}
