//! The command line.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use clap::{Args, Parser, Subcommand};
use tokio::task::LocalSet;

use crate::cluster::Cluster;
use crate::compare::{Compare, compare};
use crate::instructions::Instructions;
use crate::limit;
use crate::process::Processes;
use crate::progress::Progress;
use crate::report::Report;
use crate::scenario::{Bench, Scenario};
use crate::soak::Soak;
use crate::target::{Kind, Target};

/// Put load on a Channelstream server, and on other servers for comparison
#[derive(Debug, Parser)]
#[command(name = "channelstream-bench", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    server: Server,
    /// Print one JSON object instead of a table
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[command(flatten)]
    Scenario(Scenario),
    /// Run the server `limit`, which shows what the machine allows: one write of a ready frame to
    /// each socket, in a loop
    Limit {
        /// The port to listen on
        #[arg(long, default_value_t = 8000)]
        port: u16,
        /// One write for everything that waits for a socket
        #[arg(long)]
        merge: bool,
    },
    /// Start this server, nchan, NATS and the limit in turn, run the scenarios on each, and print
    /// the ratios
    Compare(Compare),
    /// Start several nodes of this server that share one Redis, and measure messages from node to
    /// node, calls, and the loss of a node
    Cluster(Cluster),
    /// Start this server under valgrind and count the instructions of its calls and deliveries
    Instructions(Instructions),
    /// Start this server, let clients come and go, publish and poll for a long time at half of what
    /// the machine can do, and fail if anything has grown
    Soak(Soak),
}

/// The server to put under load
#[derive(Clone, Debug, Args)]
struct Server {
    /// The kind of the server
    #[arg(long, global = true, value_enum, default_value_t = Kind::Channelstream)]
    target: Kind,
    /// The address of the server. The tool speaks plain HTTP, so use the server's own address and
    /// not that of a proxy for https
    #[arg(long, global = true, default_value = "127.0.0.1:8000")]
    address: String,
    /// The address at which NATS takes publications
    #[arg(long, global = true)]
    publish_address: Option<String>,
    /// The secret that signs calls. Use the variable rather than the flag, which other users of the
    /// machine can read
    #[arg(
        long,
        global = true,
        env = "CHANNELSTREAM_SECRET",
        default_value = "secret",
        hide_env_values = true
    )]
    secret: String,
    /// The process of the server, if it runs on this machine, to measure its CPU and memory. Its
    /// child processes are included
    #[arg(long, global = true)]
    pid: Vec<u32>,
}

/// The pause between two rounds of reading.
const READ_PAUSE: Duration = Duration::from_micros(200);

/// Runs the command line of this process.
pub(crate) fn run() -> Result<()> {
    let cli = Cli::parse();
    // Each subscriber needs a descriptor. If the limit cannot be raised, opening too many sockets
    // will report it.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    match cli.command {
        Command::Scenario(scenario) => {
            let server = cli.server;
            let publish_address = server.publish_address.as_deref().map(resolve).transpose()?;
            let target = Target::new(
                server.target,
                resolve(&server.address)?,
                publish_address,
                &server.secret,
            );
            let bench = Bench {
                target,
                processes: Processes::of(&server.pid),
                progress: Progress::new(scenario.name()),
            };
            print(&measure(&scenario, &bench)?, cli.json)
        }
        Command::Limit { port, merge } => limit::serve(
            SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port),
            merge,
        ),
        Command::Compare(options) => compare(&options, cli.json),
        Command::Cluster(options) => options.run(cli.json),
        Command::Instructions(options) => print(&options.run()?, cli.json),
        Command::Soak(options) => options.run(),
    }
}

/// Runs the scenario on one thread.
pub(crate) fn measure(scenario: &Scenario, bench: &Bench) -> Result<Report> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    if scenario.measures_throughput() {
        // The server's write would wake a sleeping reader, at the server's expense and again for
        // each message. Clients on other machines do not cause this. So the clients here read in
        // short rounds, whatever server is measured.
        runtime.on_thread_park(|| std::thread::sleep(READ_PAUSE));
    }
    let runtime = runtime.enable_all().build()?;
    LocalSet::new().block_on(&runtime, scenario.run(bench))
}

fn print(report: &Report, as_json: bool) -> Result<()> {
    if as_json {
        println!("{}", serde_json::to_string(report)?);
    } else {
        println!("{}", report.table());
    }
    Ok(())
}

fn resolve(address: &str) -> Result<SocketAddr> {
    let mut addresses = address
        .to_socket_addrs()
        .with_context(|| format!("{address} is no HOST:PORT"))?;
    addresses
        .next()
        .ok_or_else(|| anyhow!("{address} leads to no address"))
}
