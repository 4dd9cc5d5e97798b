//! The only crate that knows buckets, keys, S3 and scratch disk.
//!
//! Owns: where an object lives ([`Object`], [`layout`]), how it gets there and back ([`Store`], in
//! a folder or on S3), how it is served ([`content_type`], [`cache_control`]) and a worker's private
//! temporary folders ([`Scratch`]). Does not know what is in the objects it keeps.

mod content_type;
mod error;
mod folder;
mod incoming;
pub mod layout;
mod object;
mod place;
mod presigned;
mod resumable;
mod s3;
mod scratch;
mod source;
mod store;

pub use content_type::{cache_control, content_type};
pub use error::{BoxError, Error};
pub use incoming::{Arrival, Claim, Incoming};
pub use object::{Bucket, MAX_KEY_BYTES, Object, ObjectMeta};
pub use presigned::PresignedPut;
pub use s3::{External, ExternalConfig, ExternalMeta, Permits, S3Config, Secret};
pub use scratch::{Scratch, ScratchDir};
pub use source::{Readable, Source, Version};
pub use store::{Created, Store};
pub use tokio_util::bytes::Bytes;
