//! Connecting to a Temporal server and preparing its namespace.

use std::{collections::HashMap, time::Duration};

use anyhow::Context as _;
use contract::search_attributes::{self, Kind};
use temporalio_client::{
    Client, ClientOptions, Connection, ConnectionOptions, NamespacedClient as _,
    envconfig::LoadClientConfigProfileOptions, tonic::Request,
};
use temporalio_common::protos::temporal::api::{
    enums::v1::IndexedValueType,
    operatorservice::v1::{AddSearchAttributesRequest, ListSearchAttributesRequest},
};
use url::Url;

use crate::telemetry;

/// How long a server may take to answer for the first time.
const PATIENCE: Duration = Duration::from_mins(1);
/// Pause between two tries to connect.
const PAUSE: Duration = Duration::from_millis(100);

/// The client described by Temporal's standard environment, when it describes one.
pub(crate) async fn from_environment() -> anyhow::Result<Option<Client>> {
    let described = ["TEMPORAL_ADDRESS", "TEMPORAL_PROFILE", "TEMPORAL_CONFIG_FILE"];
    if described.iter().all(|name| std::env::var_os(name).is_none()) {
        return Ok(None);
    }
    let (connection, options) =
        ClientOptions::load_from_config(LoadClientConfigProfileOptions::default())
            .map_err(|error| anyhow::anyhow!("read Temporal's environment: {error}"))?;
    persist(connection, options).await.map(Some)
}

/// Connects to a server that may still be starting.
pub(crate) async fn connect(address: Url) -> anyhow::Result<Client> {
    let connection = ConnectionOptions::new(address).identity(identity()).build();
    persist(connection, ClientOptions::new("default").build()).await
}

async fn persist(connection: ConnectionOptions, options: ClientOptions) -> anyhow::Result<Client> {
    let options = ClientOptions::new(options.namespace)
        .data_converter(options.data_converter)
        .client_interceptors(options.client_interceptors)
        .plugins(telemetry::plugin())
        .build();
    let give_up = tokio::time::Instant::now() + PATIENCE;
    loop {
        let tried = Connection::connect(connection.clone()).await;
        match tried {
            Ok(connection) => {
                return Client::new(connection, options).context("build the Temporal client");
            }
            Err(error) if tokio::time::Instant::now() >= give_up => {
                return Err(error).context("connect to Temporal");
            }
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// Registers the search attributes that are missing. Run twice, the second run finds them.
pub(crate) async fn register_search_attributes(client: &Client) -> anyhow::Result<()> {
    let mut operator = client.connection().operator_service();
    let namespace = client.namespace();
    let give_up = tokio::time::Instant::now() + PATIENCE;
    loop {
        let list = ListSearchAttributesRequest { namespace: namespace.clone() };
        let known = operator.list_search_attributes(Request::new(list)).await;
        let error = match known {
            Ok(known) => {
                let known = known.into_inner().custom_attributes;
                let missing: HashMap<String, i32> = search_attributes::ALL
                    .iter()
                    .filter(|(name, _)| !known.contains_key(*name))
                    .map(|(name, kind)| ((*name).to_owned(), indexed(*kind) as i32))
                    .collect();
                if missing.is_empty() {
                    return Ok(());
                }
                let add = AddSearchAttributesRequest {
                    namespace: namespace.clone(),
                    search_attributes: missing,
                };
                operator.add_search_attributes(Request::new(add)).await.err()
            }
            Err(error) => Some(error),
        };
        if let Some(error) = error
            && tokio::time::Instant::now() >= give_up
        {
            return Err(error).context("register the search attributes");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn indexed(kind: Kind) -> IndexedValueType {
    match kind {
        Kind::Keyword => IndexedValueType::Keyword,
        Kind::Double => IndexedValueType::Double,
    }
}

fn identity() -> String {
    format!("millrace-{}", std::process::id())
}
