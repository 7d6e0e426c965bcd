//! `GET /admin/backup`: sends a copy of the file in which the server keeps its state.

use std::fs::{self, File};
use std::io::Read;
use std::path::PathBuf;

use actix_web::web::{Bytes, Data, block};
use actix_web::{HttpResponse, get};
use channelstream_actors::store::Store;
use futures_util::stream::unfold;
use uuid::Uuid;

use crate::error::ApiError;
use crate::error_name::ErrorName;
use crate::extractors::operator::Operator;
use crate::openapi::answers::{AdminErrors, CommonErrors, HttpsOnly, InvalidBody};
use crate::services::Services;

/// The largest number of bytes that are read from the file at once.
const PART: usize = 64 << 10;

/// Copies the file in which the server keeps its state.
///
/// The answer is an SQLite database from which a server can start. The server continues to serve
/// meanwhile. If the setting `store` is `memory`, there is no file and the answer is 422.
#[utoipa::path(
    tag = "operating",
    operation_id = "backup",
    responses(
        (
            status = 200,
            description = "The copy, which is complete if the answer ends without an error.",
            body = String,
            content_type = "application/octet-stream"
        ),
        CommonErrors, HttpsOnly, InvalidBody, AdminErrors,
    ),
    security(("session" = []), ("signature" = [])),
)]
#[get("/admin/backup")]
pub(crate) async fn download_backup(
    _: Operator,
    services: Data<Services>,
) -> Result<HttpResponse, ApiError> {
    let Store::File(store) = services.broker.store() else {
        return Err(ApiError::field(
            ErrorName::NoBackupFile,
            "store",
            "There is no file to copy, since the setting store is memory.",
        ));
    };
    let path = PathBuf::from(format!(
        "{}.backup-{}",
        services.settings.store_path,
        Uuid::new_v4()
    ));
    store.backup(path.clone()).await.map_err(|error| {
        log::error!("a backup failed: {error}");
        ApiError::Internal("a backup failed")
    })?;
    let opened = block(move || {
        let file = File::open(&path);
        // The content of the open file stays readable until the answer is sent.
        fs::remove_file(&path)?;
        file
    });
    let opened = opened
        .await
        .map_err(|_| ApiError::Internal("a backup could not be read"))?;
    let file = opened.map_err(|error| {
        log::error!("a backup cannot be read: {error}");
        ApiError::Internal("a backup cannot be read")
    })?;
    log::info!("a backup of the store is sent at the request of an operator");
    let parts = unfold(Some(file), |file| async move {
        let mut file = file?;
        let read = block(move || {
            let mut part = Vec::with_capacity(PART);
            let read = file.by_ref().take(PART as u64).read_to_end(&mut part);
            read.map(|_| (Bytes::from(part), file))
        });
        match read.await.map_err(std::io::Error::other).flatten() {
            Ok((part, _)) if part.is_empty() => None,
            Ok((part, file)) => Some((Ok(part), Some(file))),
            // The answer is cut off, so that its reader does not take it for complete.
            Err(error) => Some((Err(error), None)),
        }
    });
    Ok(HttpResponse::Ok()
        .content_type("application/octet-stream")
        .streaming(parts))
}
