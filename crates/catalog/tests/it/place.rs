//! An empty database for one test.

use catalog::{Catalog, Vault, sqlite_url};
use fixtures::postgres::Server;
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection};
use tempfile::TempDir;

/// Connects beside the catalogue, by a pool that keeps no house for the reason `connect` gives.
pub(crate) async fn raw(url: &str) -> DatabaseConnection {
    let mut options = ConnectOptions::new(url);
    options.idle_timeout(None).max_lifetime(None);
    Database::connect(options).await.unwrap()
}

/// Opens a catalogue with a key that is the same in all tests.
pub(crate) async fn open(url: &str) -> Result<Catalog, catalog::Error> {
    let key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    Catalog::open(url, Vault::from_text(key).unwrap()).await
}

/// A database that no other test sees.
pub(crate) struct Place {
    /// Its address.
    pub(crate) url: String,
    /// Where it lies, when nobody else keeps that.
    _folder: Option<TempDir>,
}

impl Place {
    /// A file that is not there yet, and ends with its handle.
    pub(crate) fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = sqlite_url(&folder.path().join("catalog.db")).unwrap();
        Self { url, _folder: Some(folder) }
    }

    /// A database without tables, which ends with the server.
    pub(crate) fn postgres(server: &Server) -> Self {
        Self { url: server.create_database(), _folder: None }
    }

    /// The catalogue in it.
    pub(crate) async fn open(&self) -> Catalog {
        open(&self.url).await.unwrap()
    }

    /// A connection beside the catalogue, for what the catalogue does not offer.
    pub(crate) async fn raw(&self) -> DatabaseConnection {
        raw(&self.url).await
    }

    /// Runs a statement behind the catalogue's back.
    pub(crate) async fn execute(&self, sql: &str) {
        self.raw().await.execute_unprepared(sql).await.unwrap();
    }
}
