//! The outputs of a video as clients see them: places in the store become addresses.

use contract::Outputs;
use serde::Serialize;
use url::Url;
use utoipa::{PartialSchema, ToSchema};

/// What was made, every place of the store an address. The mezzanine is not for players and stays a
/// place in its store.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct OutputsView(pub(crate) Outputs);

impl PartialSchema for OutputsView {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        Outputs::schema()
    }
}

impl ToSchema for OutputsView {
    fn name() -> std::borrow::Cow<'static, str> {
        Outputs::name()
    }

    fn schemas(
        schemas: &mut Vec<(String, utoipa::openapi::RefOr<utoipa::openapi::schema::Schema>)>,
    ) {
        Outputs::schemas(schemas);
    }
}

impl OutputsView {
    pub(crate) fn new(media_base: &Url, outputs: Outputs) -> Self {
        Self(outputs.addressed(media_base))
    }

    pub(crate) fn thumbnail(&self) -> Option<String> {
        self.0.thumbnail.as_ref().map(|still| still.image.clone())
    }

    pub(crate) fn chapters(&self) -> Option<String> {
        self.0.chapters.as_ref().map(|made| made.vtt.clone())
    }
}
