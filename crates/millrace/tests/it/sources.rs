//! A web server for sources on a loopback port.

use std::path::PathBuf;

use axum::{Router, http::StatusCode, routing::get};
use tower_http::services::ServeDir;

/// Serves a folder, and two addresses that fail; returns the base address.
pub(crate) async fn serve(folder: PathBuf) -> String {
    let app = Router::new()
        .route("/gone", get(|| async { StatusCode::NOT_FOUND }))
        .route("/forbidden", get(|| async { StatusCode::FORBIDDEN }))
        .fallback_service(ServeDir::new(folder));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    format!("http://{address}")
}

/// Serves the folder of one file; returns the file's address.
pub(crate) async fn serve_file(file: PathBuf) -> String {
    let name = file.file_name().unwrap().to_string_lossy().into_owned();
    let base = serve(file.parent().unwrap().to_owned()).await;
    let name: String = url::form_urlencoded::byte_serialize(name.as_bytes()).collect();
    format!("{base}/{}", name.replace('+', "%20"))
}
