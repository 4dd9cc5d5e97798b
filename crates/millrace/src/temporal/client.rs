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

use crate::{patience::Patience, telemetry};

/// How long one try may take: an address at which nobody is may never answer.
const TRY_WITHIN: Duration = Duration::from_secs(10);
/// Pause before it is looked whether search attributes that were added can be seen.
const SHOWN_AFTER: Duration = Duration::from_millis(100);
/// Looks in one try.
const SHOWN_LOOKS: u32 = 50;
/// What is waited for, as the log calls it.
const SERVICE: &str = "Temporal server";

/// The client described by Temporal's standard environment, when it describes one.
pub(crate) async fn from_environment(patience: Patience) -> anyhow::Result<Option<Client>> {
    let described = ["TEMPORAL_ADDRESS", "TEMPORAL_PROFILE", "TEMPORAL_CONFIG_FILE"];
    if described.iter().all(|name| std::env::var_os(name).is_none()) {
        return Ok(None);
    }
    let (connection, options) =
        ClientOptions::load_from_config(LoadClientConfigProfileOptions::default())
            .map_err(|error| anyhow::anyhow!("read Temporal's environment: {error}"))?;
    persist(connection, options, patience).await.map(Some)
}

/// Connects to a server that may still be starting.
pub(crate) async fn connect(address: Url, patience: Patience) -> anyhow::Result<Client> {
    let connection = ConnectionOptions::new(address).build();
    persist(connection, ClientOptions::new("default").build(), patience).await
}

async fn persist(
    mut connection: ConnectionOptions,
    options: ClientOptions,
    patience: Patience,
) -> anyhow::Result<Client> {
    let options = ClientOptions::new(options.namespace)
        .data_converter(options.data_converter)
        .client_interceptors(options.client_interceptors)
        .plugins(telemetry::plugin())
        .build();
    if connection.identity.is_empty() {
        connection.identity = identity();
    }
    let connect = async || {
        let connecting = Connection::connect(connection.clone());
        let connected = tokio::time::timeout(TRY_WITHIN, connecting).await;
        connected.context("no answer")?.context("connect to Temporal")
    };
    let connection = Box::pin(patience.reach(SERVICE, |_| true, connect)).await?;
    Client::new(connection, options).context("build the Temporal client")
}

/// Registers the search attributes that are missing. Run twice, the second run finds them. A namespace
/// that is not there yet is waited for.
pub(crate) async fn register_search_attributes(
    client: &Client,
    patience: Patience,
) -> anyhow::Result<()> {
    let register = async || {
        // What was added shows after a while: the next look tells.
        for _ in 0..SHOWN_LOOKS {
            if !add_missing(client).await.context("register the search attributes")? {
                return Ok(());
            }
            tokio::time::sleep(SHOWN_AFTER).await;
        }
        anyhow::bail!("search attributes that were added do not show")
    };
    Box::pin(patience.reach(SERVICE, |_| true, register)).await
}

/// Adds the search attributes that a look does not show; false when it shows all of them.
async fn add_missing(client: &Client) -> anyhow::Result<bool> {
    let mut operator = client.connection().operator_service();
    let namespace = client.namespace();
    let list = ListSearchAttributesRequest { namespace: namespace.clone() };
    let known = operator.list_search_attributes(Request::new(list)).await?;
    let known = known.into_inner().custom_attributes;
    let missing: HashMap<String, i32> = search_attributes::ALL
        .iter()
        .filter(|(name, _)| !known.contains_key(*name))
        .map(|(name, kind)| ((*name).to_owned(), indexed(*kind) as i32))
        .collect();
    if missing.is_empty() {
        return Ok(false);
    }
    let add = AddSearchAttributesRequest { namespace, search_attributes: missing };
    operator.add_search_attributes(Request::new(add)).await?;
    Ok(true)
}

fn indexed(kind: Kind) -> IndexedValueType {
    match kind {
        Kind::Keyword => IndexedValueType::Keyword,
        Kind::Double => IndexedValueType::Double,
    }
}

/// What Temporal's pages call this process, and what tells its pollers from those of others.
fn identity() -> String {
    let host = fs_err::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("millrace-{}@{}", std::process::id(), host.trim())
}
