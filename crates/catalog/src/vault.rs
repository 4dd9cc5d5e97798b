//! Seals what must not be readable in the database: AES-256-GCM, a fresh nonce each time, bound to
//! the row it belongs to. Makes and checks the codes that show who made something: HMAC-SHA256, under
//! keys that are derived from the same secrets.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use contract::Mac;
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hmac,
    rand::{SecureRandom as _, SystemRandom},
};

/// Bytes of a key.
const KEY_BYTES: usize = 32;
/// Version prefix of a sealed text.
const VERSION: &str = "v1:";

/// What the keys for codes are derived with, so that no key has two uses.
const CODES: &[u8] = b"millrace v1: codes of workflow inputs";

/// Keys that seal and open. The first one seals; all of them open, so that keys can be changed.
pub struct Vault {
    keys: Vec<Key>,
}

/// What one secret is used for.
struct Key {
    seals: LessSafeKey,
    codes: hmac::Key,
}

impl Key {
    fn new(secret: &[u8]) -> Option<Self> {
        let seals = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, secret).ok()?);
        let derived = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), CODES);
        Some(Self { seals, codes: hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref()) })
    }
}

/// Why a vault or a sealed value cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// No line of the key file is a key.
    #[error(
        "a secret key is {KEY_BYTES} random bytes in base64, one per line; line {line} is none"
    )]
    BadKey {
        /// The line, from 1.
        line: usize,
    },
    /// There is no key.
    #[error("the secret key file is empty; remove it to have a new one made")]
    NoKey,
    /// The value was sealed with a key that is not here, or was changed.
    #[error(
        "a secret of the catalogue was sealed with another key; give every process the file of that key (--secret-key-file)"
    )]
    Sealed,
    /// The operating system provides no randomness.
    #[error("the operating system gives no random numbers")]
    NoRandomness,
}

impl Vault {
    /// A vault with a fresh key.
    pub fn ephemeral() -> Result<Self, VaultError> {
        Self::from_text(&Self::generate()?)
    }

    /// A fresh key as text, to be kept in a file.
    pub fn generate() -> Result<String, VaultError> {
        let mut bytes = [0; KEY_BYTES];
        SystemRandom::new().fill(&mut bytes).map_err(|_| VaultError::NoRandomness)?;
        Ok(STANDARD.encode(bytes))
    }

    /// The vault of a key file: one key per line, the newest first.
    pub fn from_text(text: &str) -> Result<Self, VaultError> {
        let lines = text.lines().map(str::trim).enumerate().filter(|(_, text)| !text.is_empty());
        let keys = lines
            .map(|(index, text)| {
                let bad = VaultError::BadKey { line: index + 1 };
                let bytes = STANDARD.decode(text).ok().filter(|bytes| bytes.len() == KEY_BYTES);
                bytes.and_then(|bytes| Key::new(&bytes)).ok_or(bad)
            })
            .collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() { Err(VaultError::NoKey) } else { Ok(Self { keys }) }
    }

    /// Seals a value for one place; it cannot be opened for another.
    pub fn seal(&self, place: &str, plain: &[u8]) -> Result<String, VaultError> {
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).map_err(|_| VaultError::NoRandomness)?;
        let mut bytes = plain.to_vec();
        self.keys[0]
            .seals
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(place),
                &mut bytes,
            )
            .map_err(|_| VaultError::Sealed)?;
        let sealed = [nonce.as_slice(), &bytes].concat();
        Ok(format!("{VERSION}{}", STANDARD.encode(sealed)))
    }

    /// Opens what was sealed for a place.
    pub fn open(&self, place: &str, sealed: &str) -> Result<Vec<u8>, VaultError> {
        let bytes = sealed.strip_prefix(VERSION).and_then(|text| STANDARD.decode(text).ok());
        let bytes = bytes.filter(|bytes| bytes.len() > NONCE_LEN).ok_or(VaultError::Sealed)?;
        let (nonce, sealed) = bytes.split_at(NONCE_LEN);
        for key in &self.keys {
            let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| VaultError::Sealed)?;
            let mut bytes = sealed.to_vec();
            if let Ok(plain) = key.seals.open_in_place(nonce, Aad::from(place), &mut bytes) {
                return Ok(plain.to_vec());
            }
        }
        Err(VaultError::Sealed)
    }

    /// The code that shows that a holder of the newest key made a text.
    pub(crate) fn code(&self, text: &[u8]) -> Mac {
        let mut code = [0; 32];
        code.copy_from_slice(hmac::sign(&self.keys[0].codes, text).as_ref());
        Mac(code)
    }

    /// True for the code that a holder of any of the keys made of a text.
    pub(crate) fn made(&self, text: &[u8], code: Mac) -> bool {
        self.keys.iter().any(|key| hmac::verify(&key.codes, text, &code.0).is_ok())
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Vault({} keys)", self.keys.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_in_its_place_only() {
        let vault = Vault::ephemeral().unwrap();
        let sealed = vault.seal("a", b"secret").unwrap();
        assert!(!sealed.contains("secret"));
        assert_ne!(sealed, vault.seal("a", b"secret").unwrap(), "a nonce was used twice");
        assert_eq!(vault.open("a", &sealed).unwrap(), b"secret");
        assert!(matches!(vault.open("b", &sealed), Err(VaultError::Sealed)));
        assert!(matches!(Vault::ephemeral().unwrap().open("a", &sealed), Err(VaultError::Sealed)));
        for changed in ["", "v1:", "v1:AAAA", &sealed[..sealed.len() - 4], &sealed[3..]] {
            assert!(vault.open("a", changed).is_err(), "{changed}");
        }
    }

    #[test]
    fn a_new_key_still_opens_what_the_old_one_sealed() {
        let old = Vault::generate().unwrap();
        let sealed = Vault::from_text(&old).unwrap().seal("a", b"x").unwrap();
        let both = format!("{}\n{old}\n", Vault::generate().unwrap());
        let vault = Vault::from_text(&both).unwrap();
        assert_eq!(vault.open("a", &sealed).unwrap(), b"x");
        let resealed = vault.seal("a", b"x").unwrap();
        assert!(Vault::from_text(&old).unwrap().open("a", &resealed).is_err());
    }

    #[test]
    fn texts_that_are_no_keys_are_refused() {
        assert!(matches!(Vault::from_text("\n \n"), Err(VaultError::NoKey)));
        let good = Vault::generate().unwrap();
        for bad in ["x", "AAAA", "not base64!"] {
            let text = format!("{good}\n{bad}");
            assert!(
                matches!(Vault::from_text(&text), Err(VaultError::BadKey { line: 2 })),
                "{bad}"
            );
        }
    }
}
