//! Where the objects of a video are: the only place that builds their keys.
//!
//! ```text
//! videos/{id}/source/…       what was fetched, and the record that it is complete
//! videos/{id}/outputs/…      what is played: master.m3u8, {rendition}/index.m3u8, init.mp4, seg-*.m4s
//! videos/{id}/outputs/mp4/…  {rung}.mp4, progressive
//! videos/{id}/outputs/preview/…  the preview: preview.m3u8, video/, audio/
//! videos/{id}/chapters/…     chapters.vtt, chapters.json
//! videos/{id}/work/…         manifests of finished chunks, a rewritten source; removed at the end
//! thumbnails/{id}/…          thumbnail.jpg and its further sizes
//! mezzanine/{id}/…           mezzanine.mp4, in the mezzanine store
//! uploads/{id}/…             original.{extension}; here the id is the upload's
//! published/{prefix}/…       copies under a prefix the user chose
//! videos/exports/{prefix}/…  the record of what lies below that prefix, and of whom
//! ```

use std::fmt::Display;

use crate::{Bucket, Error, Object};

/// Folders of one video that are not for players.
pub const PRIVATE: [&str; 2] = ["source", "work"];
/// First part of the keys of records of what was published; no id of a video is like it.
pub const EXPORTS: &str = "exports";
/// Name of a rendition's initialisation segment, beside its playlist.
pub const INIT: &str = "init.mp4";
/// Longest file extension kept from the name a user gave.
const EXTENSION_BYTES_MAX: usize = 8;

/// The record of what was published below a prefix. No id of a video is `exports`, so it is private.
pub fn export_record(prefix: &str) -> Result<Object, Error> {
    Object::new(Bucket::Videos, format!("{EXPORTS}/{prefix}/.export.json"))
}

/// Builds the keys of one video.
#[derive(Clone, Debug)]
pub struct Layout {
    id: String,
}

impl Layout {
    /// Keys of the video with this id.
    pub fn new(id: impl Display) -> Self {
        Self { id: id.to_string() }
    }

    /// Prefix of everything in the videos bucket.
    pub fn prefix(&self) -> String {
        self.id.clone()
    }

    /// Prefix of the manifests.
    pub fn work_prefix(&self) -> String {
        format!("{}/work", self.id)
    }

    /// Prefix of what is played.
    pub fn outputs_prefix(&self) -> String {
        format!("{}/outputs", self.id)
    }

    /// Prefix of the chapters.
    pub fn chapters_prefix(&self) -> String {
        format!("{}/chapters", self.id)
    }

    /// Prefix of the source.
    pub fn source_prefix(&self) -> String {
        format!("{}/source", self.id)
    }

    /// The source, with the extension of the file name it came with, if that is a plain one.
    pub fn source(&self, file_name: &str) -> Result<Object, Error> {
        self.videos(&format!("source/{}", original(file_name)))
    }

    /// The record that the source is complete, written after it.
    pub fn source_record(&self) -> Result<Object, Error> {
        self.videos("source/record.json")
    }

    /// A well-formed rewriting of a non-standard source, by one run of those that make it.
    pub fn rewritten(&self, fingerprint: &str, run: impl Display) -> Result<Object, Error> {
        self.videos(&format!("work/rewritten-{fingerprint}-{run}.mkv"))
    }

    /// Where earlier versions put the rewriting of a source; it is only removed.
    pub fn rewritten_source(&self) -> Result<Object, Error> {
        self.videos("source/rewritten.mkv")
    }

    /// Prefix of the manifests of all chunks made with these parameters.
    pub fn chunks_prefix(&self, fingerprint: &str) -> String {
        format!("{}/work/chunks-{fingerprint}", self.id)
    }

    /// Manifest of one chunk.
    pub fn chunk(&self, fingerprint: &str, chunk: u32) -> Result<Object, Error> {
        self.videos(&format!("work/chunks-{fingerprint}/{chunk:06}.json"))
    }

    /// Manifest of the sound made with these parameters.
    pub fn audio(&self, fingerprint: &str) -> Result<Object, Error> {
        self.videos(&format!("work/audio-{fingerprint}.json"))
    }

    /// The master playlist.
    pub fn master(&self) -> Result<Object, Error> {
        self.videos("outputs/master.m3u8")
    }

    /// The playlist of a rendition.
    pub fn playlist(&self, rendition: &str) -> Result<Object, Error> {
        self.rendition_file(rendition, "index.m3u8")
    }

    /// The initialisation segment of a rendition.
    pub fn init(&self, rendition: &str) -> Result<Object, Error> {
        self.rendition_file(rendition, INIT)
    }

    /// A file of a rendition.
    pub fn rendition_file(&self, rendition: &str, name: &str) -> Result<Object, Error> {
        self.videos(&format!("outputs/{rendition}/{name}"))
    }

    /// What an activity other than an encoder left: its output, written last.
    pub fn record(&self, activity: &str, fingerprint: &str) -> Result<Object, Error> {
        self.videos(&format!("work/{activity}-{fingerprint}.json"))
    }

    /// A file between two steps.
    pub fn work_file(&self, name: &str) -> Result<Object, Error> {
        self.videos(&format!("work/{name}"))
    }

    /// The progressive file of a rung.
    pub fn mp4(&self, rung: &str) -> Result<Object, Error> {
        self.videos(&format!("outputs/mp4/{rung}.mp4"))
    }

    /// The master playlist of the preview; its renditions are `preview/video` and `preview/audio`.
    pub fn preview(&self) -> Result<Object, Error> {
        self.videos("outputs/preview/preview.m3u8")
    }

    /// A file of the peaks of the sound.
    pub fn waveform(&self, name: &str) -> Result<Object, Error> {
        self.videos(&format!("outputs/waveform/{name}"))
    }

    /// A file of the chapters.
    pub fn chapters(&self, name: &str) -> Result<Object, Error> {
        self.videos(&format!("chapters/{name}"))
    }

    /// A file of the storyboard.
    pub fn sprites(&self, name: &str) -> Result<Object, Error> {
        self.rendition_file("sprites", name)
    }

    /// A still picture.
    pub fn thumbnail(&self, name: &str) -> Result<Object, Error> {
        Object::new(Bucket::Thumbnails, format!("{}/{name}", self.id))
    }

    /// The master copy.
    pub fn mezzanine(&self) -> Result<Object, Error> {
        Object::new(Bucket::Mezzanine, format!("{}/mezzanine.mp4", self.id))
    }

    fn videos(&self, rest: &str) -> Result<Object, Error> {
        Object::new(Bucket::Videos, format!("{}/{rest}", self.id))
    }
}

/// An uploaded file; the extension is kept as in [`Layout::source`].
pub fn upload(id: impl Display, file_name: &str) -> Result<Object, Error> {
    Object::new(Bucket::Uploads, format!("{id}/{}", original(file_name)))
}

fn original(file_name: &str) -> String {
    let extension = file_name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    let plain = |text: &String| {
        (1..=EXTENSION_BYTES_MAX).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    let extension = extension.filter(plain).unwrap_or_else(|| "bin".to_owned());
    format!("original.{extension}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_extensions_are_kept() {
        let key = |name: &str| Layout::new("v").source(name).unwrap().key().to_owned();
        assert_eq!(key("Holiday.MOV"), "v/source/original.mov");
        for odd in ["none", "a.", "a./../x", "a.tar gz", "a.%2e%2e", "a.averylongone"] {
            assert_eq!(key(odd), "v/source/original.bin", "{odd}");
        }
    }
}
