//! Names of tenants, and the folder that a tenant has in a bucket shared by all.
//!
//! A tenant's name becomes a segment of object keys, so the separator of keys is not in its alphabet.

use std::fmt::Write as _;

/// The tenant of calls without a key.
pub const DEFAULT: &str = "default";
/// Longest name, in bytes: Temporal keeps this much of a fairness key.
pub const NAME_BYTES_MAX: usize = 64;
/// First segment of keys that belong to one tenant.
pub const FOLDER: &str = "tenants";

/// A name that no new tenant may have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a tenant's name has 1 to {NAME_BYTES_MAX} letters (a-z, A-Z), digits, `-`, `_` and `.`, and begins with a \
     letter or digit"
)]
pub struct InvalidName;

/// Checks the name of a new tenant.
pub fn check(name: &str) -> Result<(), InvalidName> {
    let begins = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    if begins && name.len() <= NAME_BYTES_MAX && name.bytes().all(is_plain) {
        return Ok(());
    }
    Err(InvalidName)
}

/// The folder of a tenant: `tenants/{name}`. Bytes outside the alphabet, which tenants made before
/// there was one may have, are percent-encoded, so that no two tenants share a folder and none has a
/// folder inside another's.
pub fn folder(name: &str) -> String {
    let mut folder = format!("{FOLDER}/");
    for (index, byte) in name.bytes().enumerate() {
        let plain = is_plain(byte) && (index > 0 || byte.is_ascii_alphanumeric());
        if plain {
            folder.push(char::from(byte));
        } else {
            write!(folder, "%{byte:02X}").expect("a string takes everything");
        }
    }
    folder
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_plain_and_short() {
        let (longest, long) = ("x".repeat(64), "x".repeat(65));
        for name in ["default", "acme", "7", "Acme-2_b.eu", &longest] {
            assert_eq!(check(name), Ok(()), "{name}");
        }
        for name in [
            "", ".", "..", ".a", "-a", "_a", "acme/b", "a b", "a%2Fb", "ü", "a\0", "a:b", "a=b",
            &long,
        ] {
            assert_eq!(check(name), Err(InvalidName), "{name}");
        }
    }

    #[test]
    fn folders_of_plain_names_are_those_names() {
        assert_eq!(folder("acme"), "tenants/acme");
        assert_eq!(folder("acme/b"), "tenants/acme%2Fb");
        assert_eq!(folder("../x"), "tenants/%2E.%2Fx");
    }

    proptest! {
        #[test]
        fn no_folder_lies_in_another(one in "[a-c/%.]{1,6}", other in "[a-c/%.]{1,6}") {
            prop_assume!(one != other);
            let (one, other) = (folder(&one) + "/", folder(&other) + "/");
            prop_assert!(!one.starts_with(&other) && !other.starts_with(&one), "{one} {other}");
        }
    }
}
