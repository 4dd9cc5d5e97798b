//! Signs and checks the inputs of workflows with the secret key: others who can start workflows in
//! Temporal can start ours, but cannot make an input that we act upon.
//!
//! The code covers the workflow's type and every field of the input, in a form that does not change on
//! the way: workers read an input and write it again before it is checked.

use std::fmt::Write as _;

use contract::Vouched;
use serde_json::Value;

use crate::{Catalog, Error, Vault, row};

impl Catalog {
    /// The input with the code that shows that we made it.
    pub fn vouch<T: Vouched>(&self, input: T) -> Result<T, Error> {
        let mac = self.vault.code(&covered(&input)?);
        Ok(input.with_mac(Some(mac)))
    }

    /// True for an input that we made.
    pub fn vouches_for<T: Vouched>(&self, input: &T) -> bool {
        is_ours(&self.vault, input)
    }
}

fn is_ours<T: Vouched>(vault: &Vault, input: &T) -> bool {
    let covered = covered(input).ok();
    input.mac().zip(covered).is_some_and(|(mac, covered)| vault.made(&covered, mac))
}

/// What the code of an input covers: its type, and all of its fields but the code.
fn covered<T: Vouched>(input: &T) -> Result<Vec<u8>, Error> {
    let bare = input.clone().with_mac(None);
    let value = row::to_value("the input of a workflow", &bare)?;
    let mut text = format!("{}\n", T::WORKFLOW);
    write(&value, &mut text);
    Ok(text.into_bytes())
}

/// Writes a value in one form only: fields in the order of their names, none that is null, and of a
/// fraction as many digits as survive being read and written again.
fn write(value: &Value, to: &mut String) {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().filter(|(_, value)| !value.is_null()).collect();
            fields.sort_unstable_by_key(|(name, _)| *name);
            to.push('{');
            for (name, value) in fields {
                to.push_str(&Value::from(name.as_str()).to_string());
                to.push(':');
                write(value, to);
                to.push(',');
            }
            to.push('}');
        }
        Value::Array(values) => {
            to.push('[');
            for value in values {
                write(value, to);
                to.push(',');
            }
            to.push(']');
        }
        Value::Number(number) if !number.is_i64() && !number.is_u64() => {
            // Writing into a text cannot fail.
            let _ = write!(to, "{:.11e}", number.as_f64().unwrap_or_default());
        }
        _ => to.push_str(&value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use contract::{DeliveryId, Source, VideoId, deletion, delivery, video};
    use media::{options::Options, plan::Limits};
    use uuid::Uuid;

    use super::*;

    fn signed<T: Vouched>(vault: &Vault, input: T) -> T {
        let mac = vault.code(&covered(&input).unwrap());
        input.with_mac(Some(mac))
    }

    fn job(options: &str) -> video::Input {
        video::Input {
            video: VideoId(Uuid::from_u128(7)),
            attempt: 1,
            tenant: "default".to_owned(),
            source: Source::Url { url: "https://example.com/a.mp4".to_owned() },
            options: serde_json::from_str::<Options>(options).unwrap(),
            limits: Limits::default(),
            export: None,
            mac: None,
        }
    }

    #[test]
    fn an_input_is_ours_on_every_way_and_no_other_is() {
        let vault = Vault::ephemeral().unwrap();
        let moment = r#"{"thumbnail": {"mode": "timestamp", "at_seconds": 17.976931348623157}}"#;
        let ours = signed(&vault, job(moment));
        assert!(is_ours(&vault, &ours));
        let mut sent = ours.clone();
        for _ in 0..3 {
            sent = serde_json::from_str(&serde_json::to_string(&sent).unwrap()).unwrap();
            assert!(is_ours(&vault, &sent), "{sent:?}");
        }
        let file = Source::File { path: "/etc/passwd".to_owned() };
        for forged in [
            video::Input { mac: None, ..ours.clone() },
            video::Input { source: file, ..ours.clone() },
            video::Input { attempt: 2, ..ours.clone() },
            video::Input { tenant: "other".to_owned(), ..ours.clone() },
            video::Input { video: VideoId(Uuid::from_u128(8)), ..ours.clone() },
            video::Input { limits: Limits { parallel_chunks: 99, ..ours.limits }, ..ours.clone() },
        ] {
            assert!(!is_ours(&vault, &forged), "{forged:?}");
        }
        assert!(!is_ours(&Vault::ephemeral().unwrap(), &ours), "made with another key");
    }

    #[test]
    fn a_code_fits_one_type_of_workflow() {
        let vault = Vault::ephemeral().unwrap();
        let video = VideoId(Uuid::from_u128(7));
        let removal = signed(&vault, deletion::Input { video, mac: None });
        assert!(is_ours(&vault, &removal));
        let mac = signed(&vault, job("{}")).mac;
        assert!(!is_ours(&vault, &deletion::Input { video, mac }));
        let message = signed(&vault, delivery::Input::first(DeliveryId(Uuid::from_u128(7))));
        assert!(is_ours(&vault, &message));
        assert!(!is_ours(&vault, &delivery::Input { round: 2, ..message }));
    }

    #[test]
    fn a_new_key_knows_what_the_old_one_made() {
        let old = Vault::generate().unwrap();
        let both = Vault::from_text(&format!("{}\n{old}", Vault::generate().unwrap())).unwrap();
        let old = Vault::from_text(&old).unwrap();
        assert!(is_ours(&both, &signed(&old, job("{}"))));
        assert!(!is_ours(&old, &signed(&both, job("{}"))));
    }
}
