//! Which objects of the store a caller may name as a source or a picture.
//!
//! | first part of the key | who may name it |
//! |---|---|
//! | the id of a video | the tenant of that video |
//! | `tenants/{tenant}` | that tenant |
//! | `exports` | nobody: records of ours |
//! | anything else | the tenant `default` |
//!
//! Capitals make no other name here: there are disks on which they name the same file.
//!
//! The operator can open further prefixes, to one tenant or to all.

use std::str::FromStr;

use contract::VideoId;
use media::tenant;
use storage::{Bucket, Object, layout};

use crate::{Api, caller::Caller, problem::Problem};

/// A prefix of the store whose objects tenants may name as sources, besides their own:
/// `BUCKET/PREFIX`
/// for every tenant, `TENANT=BUCKET/PREFIX` for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSources {
    tenant: Option<String>,
    prefix: Object,
}

/// A text that names no prefix of the store.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not `BUCKET/PREFIX` or `TENANT=BUCKET/PREFIX`, as in videos/library or acme=videos/inbox"
)]
pub struct NotStoredSources(String);

impl FromStr for StoredSources {
    type Err = NotStoredSources;

    fn from_str(text: &str) -> Result<Self, NotStoredSources> {
        let refuse = || NotStoredSources(text.to_owned());
        // A `=` behind the bucket belongs to the prefix.
        let (tenant, place) = match text.split_once('=') {
            Some((tenant, place)) if !tenant.contains('/') => (Some(tenant), place),
            _ => (None, text),
        };
        let (bucket, prefix) = place.split_once('/').ok_or_else(refuse)?;
        let bucket = Bucket::named(bucket).map_err(|_| refuse())?;
        let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
        let prefix = Object::new(bucket, prefix).map_err(|_| refuse())?;
        if tenant.is_some_and(|tenant| tenant::check(tenant).is_err()) {
            return Err(refuse());
        }
        Ok(Self { tenant: tenant.map(str::to_owned), prefix })
    }
}

impl StoredSources {
    fn opens(&self, object: &Object, tenant: &str) -> bool {
        self.tenant.as_deref().is_none_or(|only| only == tenant)
            && self.prefix.bucket() == object.bucket()
            && lies_below(object.key(), self.prefix.key())
    }
}

/// Whether a caller may name an object of the store.
pub(super) async fn is_open(api: &Api, caller: &Caller, object: &Object) -> Result<bool, Problem> {
    let first = folded(object.key().split('/').next().unwrap_or_default());
    if let Ok(video) = first.parse::<VideoId>()
        && video.to_string() == first
    {
        let video = api.catalog.get(video).await?;
        return Ok(video.is_some_and(|video| video.tenant == caller.tenant));
    }
    let opened = &api.settings.stored_sources;
    Ok(match &*first {
        layout::EXPORTS => false,
        _ if lies_below(object.key(), &tenant::folder(&caller.tenant)) => true,
        _ if opened.iter().any(|opened| opened.opens(object, &caller.tenant)) => true,
        tenant::FOLDER => false,
        _ => caller.tenant == tenant::DEFAULT,
    })
}

/// A name as disks see it that take capitals for small letters, those outside of ASCII too.
fn folded(name: &str) -> String {
    name.to_uppercase().to_lowercase()
}

/// True for a key below a prefix of whole segments.
fn lies_below(key: &str, prefix: &str) -> bool {
    key.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_opened_to_all_or_to_one() {
        let object = |key: &str| Object::new(Bucket::Videos, key).unwrap();
        let all: StoredSources = "videos/library/".parse().unwrap();
        assert!(all.opens(&object("library/a.mp4"), "acme"));
        for key in ["library", "library2/a.mp4", "a/library/b"] {
            assert!(!all.opens(&object(key), "acme"), "{key}");
        }
        assert!(!all.opens(&Object::new(Bucket::Thumbnails, "library/a").unwrap(), "acme"));
        let one: StoredSources = "acme=videos/in=box".parse().unwrap();
        assert!(one.opens(&object("in=box/a.mp4"), "acme"));
        assert!(!one.opens(&object("in=box/a.mp4"), "other"));
        let equals: StoredSources = "videos/a=b".parse().unwrap();
        assert!(equals.opens(&object("a=b/c"), "other"));
        for text in [
            "",
            "videos",
            "videos/",
            "/library",
            "uploads/a",
            "acme=",
            "a b=videos/x",
            "videos/../x",
        ] {
            assert!(text.parse::<StoredSources>().is_err(), "{text}");
        }
    }
}
