//! Makes the buckets that do not exist yet.
//!
//! Owns what a new bucket is set up with; a bucket that somebody else made is left as it is.

use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::types::{
    BucketLocationConstraint, CorsConfiguration, CorsRule, CreateBucketConfiguration,
};

use super::S3;
use super::failure::{failed, status};
use crate::{Bucket, Error};

impl S3 {
    pub(crate) async fn ensure_buckets(&self) -> Result<(), Error> {
        for bucket in Bucket::ALL {
            let name = self.bucket_name(bucket);
            if !self.bucket_exists(&name).await? {
                self.create_bucket(&name).await?;
                self.allow_pages(bucket, &name).await;
            }
        }
        Ok(())
    }

    pub(crate) async fn look(&self) -> Result<(), Error> {
        let looks = Bucket::ALL.map(|bucket| async move {
            let name = self.bucket_name(bucket);
            let there = self.bucket_exists(&name).await?;
            there.then_some(()).ok_or(Error::UnknownBucket { name })
        });
        futures::future::try_join_all(looks).await.map(|_| ())
    }

    async fn bucket_exists(&self, name: &str) -> Result<bool, Error> {
        match self.client.head_bucket().bucket(name).send().await {
            Ok(_) => Ok(true),
            Err(error) if status(&error) == Some(404) => Ok(false),
            Err(error) => Err(failed("look a bucket up", error)),
        }
    }

    async fn create_bucket(&self, name: &str) -> Result<(), Error> {
        let mut request = self.client.create_bucket().bucket(name);
        // The default region is the one that must not be named.
        if self.region != "us-east-1" {
            let region = BucketLocationConstraint::from(self.region.as_str());
            let settings = CreateBucketConfiguration::builder().location_constraint(region);
            request = request.create_bucket_configuration(settings.build());
        }
        match request.send().await {
            Ok(_) => Ok(()),
            // Another process made it between the look-up and now.
            Err(error) if error.code() == Some("BucketAlreadyOwnedByYou") => Ok(()),
            Err(error) => Err(failed("create a bucket", error)),
        }
    }

    /// Lets players on any web page read the bucket, or, into the one of uploads, senders write to
    /// the addresses they were given; where the store can be told so.
    async fn allow_pages(&self, bucket: Bucket, name: &str) {
        let methods: &[&str] = if bucket == Bucket::Uploads { &["PUT"] } else { &["GET", "HEAD"] };
        let rule = CorsRule::builder()
            .allowed_origins("*")
            .set_allowed_methods(Some(methods.iter().map(|&method| method.to_owned()).collect()))
            .allowed_headers("*")
            .expose_headers("Content-Length")
            .expose_headers("Content-Range")
            .expose_headers("ETag")
            .max_age_seconds(86_400)
            .build()
            .expect("origins and methods are set");
        let rules = CorsConfiguration::builder().cors_rules(rule).build();
        let rules = rules.expect("there is a rule");
        let request = self.client.put_bucket_cors().bucket(name).cors_configuration(rules);
        if let Err(error) = request.send().await {
            let error = failed("set CORS", error);
            tracing::warn!(%error, bucket = name, "pages on other origins may be refused");
        }
    }
}
