//! The partial file next to the destination, and the note that says what it is the start of.
//! Decides nothing about HTTP.

use std::{
    io,
    path::{Path, PathBuf},
};

use fs_err::tokio as fs;
use reqwest::header::{
    CONTENT_DISPOSITION, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, LAST_MODIFIED,
};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncSeekExt, AsyncWriteExt, BufWriter};
use url::Url;

use crate::{Downloaded, Error, source_name::source_name};

/// What is known of the source, kept next to the partial file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Note {
    /// The address as asked for: another one never continues this file.
    url: Url,
    final_url: Url,
    etag: Option<String>,
    last_modified: Option<String>,
    pub(crate) total: Option<u64>,
    content_type: Option<String>,
    file_name: Option<String>,
    /// Which start of the machine wrote the file: what is not flushed does not survive its end, and
    /// may be zeros of the right length afterwards.
    #[serde(default)]
    boot: Option<String>,
}

impl Note {
    /// What the answer to a request for `url` tells.
    pub(crate) fn new(url: &Url, final_url: &Url, headers: &HeaderMap, total: Option<u64>) -> Self {
        let disposition = text(headers, &CONTENT_DISPOSITION);
        Self {
            url: url.clone(),
            final_url: final_url.clone(),
            etag: text(headers, &ETAG),
            last_modified: text(headers, &LAST_MODIFIED),
            total,
            content_type: text(headers, &CONTENT_TYPE),
            file_name: source_name(disposition.as_deref(), final_url),
            boot: boot_id(),
        }
    }

    /// Whether the headers of another answer may be of the same version, as far as they tell.
    pub(crate) fn fits(&self, headers: &HeaderMap, total: Option<u64>) -> bool {
        let same = |known: &Option<String>, name| {
            known.is_none() || text(headers, name).is_none_or(|now| Some(now) == *known)
        };
        let same_size = self.total.is_none() || total.is_none() || self.total == total;
        same(&self.etag, &ETAG) && same(&self.last_modified, &LAST_MODIFIED) && same_size
    }

    /// What makes a server send the rest of this very version and of no other. A weak tag may stay
    /// the same while bytes change.
    pub(crate) fn validator(&self) -> Option<&str> {
        let strong = self.etag.as_deref().filter(|etag| !etag.starts_with("W/"));
        strong.or(self.last_modified.as_deref())
    }
}

/// Names this start of the machine, on Linux.
fn boot_id() -> Option<String> {
    let text = fs_err::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(text.trim().to_owned())
}

/// The text of a header, when it is text.
pub(crate) fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// The unfinished file.
pub(crate) struct Part {
    path: PathBuf,
    note_path: PathBuf,
    dest: PathBuf,
    file: BufWriter<fs::File>,
    /// Bytes in the file, buffered ones included.
    pub(crate) done: u64,
    /// Present when the file is the start of a known version of the source.
    pub(crate) note: Option<Note>,
}

impl Part {
    /// Opens what an earlier call left beside `dest`, if it is of the same address and can be
    /// continued, else an empty file.
    pub(crate) async fn open(dest: &Path, url: &Url) -> Result<Self, Error> {
        let path = with_suffix(dest, ".part");
        let note_path = with_suffix(dest, ".part.json");
        let note = read_note(&note_path).await.filter(|note| note.url == *url);
        let note = note.filter(|note| note.boot == boot_id());
        let opened = open_at_end(&path).await;
        let (file, done) = opened.map_err(|error| Error::io(&path, error))?;
        let dest = dest.to_owned();
        let mut part = Self { path, note_path, dest, file, done, note };
        let continues = part.note.as_ref().is_some_and(|note| note.validator().is_some());
        if !continues || part.done == 0 {
            part.clear().await?;
        }
        Ok(part)
    }

    /// Forgets everything that has arrived.
    pub(crate) async fn clear(&mut self) -> Result<(), Error> {
        self.note = None;
        remove(&self.note_path).await?;
        let emptied = async {
            self.file.flush().await?;
            self.file.get_mut().set_len(0).await?;
            self.file.rewind().await
        };
        emptied.await.map_err(|error| Error::io(&self.path, error))?;
        self.done = 0;
        Ok(())
    }

    /// Starts over with what `note` describes. The note is on disk before the first byte is.
    pub(crate) async fn begin(&mut self, note: Note) -> Result<(), Error> {
        self.clear().await?;
        let json = serde_json::to_vec(&note).map_err(|error| Error::Io(error.into()))?;
        let staged = with_suffix(&self.note_path, ".new");
        let written = async {
            let mut file = fs::File::create(&staged).await?;
            file.write_all(&json).await?;
            file.sync_all().await?;
            fs::rename(&staged, &self.note_path).await
        };
        written.await.map_err(|error| Error::io(&staged, error))?;
        self.note = Some(note);
        Ok(())
    }

    pub(crate) async fn append(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_all(bytes).await.map_err(|error| Error::io(&self.path, error))?;
        self.done += bytes.len() as u64;
        Ok(())
    }

    /// Puts on disk what is buffered, so that another call can continue from it.
    pub(crate) async fn flush(&mut self) -> Result<(), Error> {
        let flushed = async {
            self.file.flush().await?;
            // A file of tokio reports the errors of its last write here only.
            self.file.get_mut().flush().await
        };
        flushed.await.map_err(|error| Error::io(&self.path, error))
    }

    /// Removes the unfinished file and its note.
    pub(crate) async fn discard(self) -> Result<(), Error> {
        remove(&self.note_path).await?;
        remove(&self.path).await
    }

    /// Makes the file durable under its final name, replacing what was there.
    pub(crate) async fn finish(mut self, note: Note) -> Result<Downloaded, Error> {
        self.flush().await?;
        let moved = async {
            self.file.get_ref().sync_all().await?;
            fs::rename(&self.path, &self.dest).await?;
            let folder = self.dest.parent().filter(|folder| !folder.as_os_str().is_empty());
            fs::File::open(folder.unwrap_or(Path::new("."))).await?.sync_all().await
        };
        moved.await.map_err(|error| Error::io(&self.dest, error))?;
        remove(&self.note_path).await?;
        Ok(Downloaded {
            path: self.dest,
            bytes: self.done,
            etag: note.etag,
            content_type: note.content_type,
            file_name: note.file_name,
            final_url: note.final_url,
        })
    }
}

async fn open_at_end(path: &Path) -> io::Result<(BufWriter<fs::File>, u64)> {
    let file = fs::OpenOptions::new().create(true).truncate(false).write(true).open(path).await?;
    let mut file = BufWriter::with_capacity(256 << 10, file);
    let done = file.seek(io::SeekFrom::End(0)).await?;
    Ok((file, done))
}

// A note that cannot be read is no note: the download starts over.
async fn read_note(path: &Path) -> Option<Note> {
    serde_json::from_slice(&fs::read(path).await.ok()?).ok()
}

async fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path).await {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io(path, error)),
        _ => Ok(()),
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
