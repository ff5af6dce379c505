//! Configurations for stand-in nodes.

use super::edge::Keys;
use super::mim::{MimNode, SERVICE, STS};
use super::origin::Origin;
use std::fmt::Write;

/// Probes that notice a change within the blink of an eye.
pub const QUICK_PROBE: &str = "probe: { tcp: {}, interval: 100ms, fast_interval: 100ms, timeout: 2s, rise: 1, fall: 1, start_grace: 10s }";

/// Probes that are done once the edge is ready: nothing but requests meets the origin afterwards.
pub const ONE_PROBE: &str =
    "probe: { tcp: {}, interval: 10m, fast_interval: 10m, timeout: 2s, rise: 1, fall: 3, start_grace: 10s }";

/// A stand-in node, as configurations see it.
pub trait Ports {
    /// Its name.
    fn name(&self) -> &str;
    /// The number of its port with this index: [`SERVICE`] or [`STS`].
    fn port(&self, index: usize) -> u16;
}

impl Ports for MimNode {
    fn name(&self) -> &str {
        &self.name
    }

    fn port(&self, index: usize) -> u16 {
        self.origin.port(index)
    }
}

/// A MIM Service farm behind the listeners `mim-service` and `mim-sts`, in one persistence group.
pub struct Farm {
    nodes: Vec<(String, u16, u16, String)>,
    /// Settings of the group, as the inside of a YAML flow mapping.
    pub group: String,
    /// The group of the pages, in the same form; none if it is empty.
    web: String,
    /// Further settings of all pools, each followed by a comma.
    pub pool: String,
    /// Where the service's listener binds.
    pub bind: String,
    /// Further top-level sections.
    pub more: String,
}

impl Farm {
    /// All nodes ready, persistence by source IP, quick probes.
    pub fn of<N: Ports, const C: usize>(nodes: [&N; C]) -> Farm {
        let entry = |n: &N| (n.name().to_owned(), n.port(SERVICE), n.port(STS), String::new());
        Farm {
            nodes: nodes.into_iter().map(entry).collect(),
            group: "by: source_ip".to_owned(),
            web: String::new(),
            pool: format!("{QUICK_PROBE}, slow_start: 0s,"),
            bind: "\"127.0.0.1:0\"".to_owned(),
            more: String::new(),
        }
    }

    /// Settings of the group.
    pub fn group(mut self, settings: &str) -> Farm {
        self.group = settings.to_owned();
        self
    }

    /// Settings of one node, such as `weight: 2`.
    pub fn node(mut self, name: &str, settings: &str) -> Farm {
        let node = self.nodes.iter_mut().find(|node| node.0 == name).expect("a node of this farm");
        node.3 = format!(", {settings}");
        self
    }

    /// Serves pages, too: behind the listener `web`, pinned by the cookie `EDGE` in a group of their own, by
    /// the nodes' service port. `settings` of the group, each preceded by a comma.
    pub fn web(mut self, keys: &Keys, settings: &str) -> Farm {
        let keys = keys.path().display().to_string();
        self.web = format!("by: cookie, cookie: {{ name: EDGE, keys: [ \"{keys}\" ] }}{settings}");
        self
    }

    /// The configuration.
    pub fn yaml(&self) -> String {
        let mut yaml = format!(
            "listeners:\n  mim-service: {{ bind: {} }}\n  mim-sts: {{ bind: \"127.0.0.1:0\" }}\n",
            self.bind
        );
        let with_web = |lines: String| if self.web.is_empty() { String::new() } else { lines };
        yaml.push_str(&with_web("  web: { bind: \"127.0.0.1:0\" }\n".to_owned()));
        yaml.push_str("nodes:\n");
        for (name, _, _, settings) in &self.nodes {
            writeln!(yaml, "  {name}: {{ address: 127.0.0.1{settings} }}").unwrap();
        }
        let backends = |port: fn(&(String, u16, u16, String)) -> u16| -> String {
            let list = self.nodes.iter().map(|n| format!("{{ node: {}, port: {} }}", n.0, port(n)));
            list.collect::<Vec<_>>().join(", ")
        };
        let (service, sts) = (backends(|n| n.1), backends(|n| n.2));
        let (group, pool) = (&self.group, &self.pool);
        let site_group = with_web(format!("  site: {{ {} }}\n", self.web));
        let site_pool = with_web(format!("  site: {{ {pool} nodes: [ {service} ] }}\n"));
        let site_route = with_web("  - { listener: web, pool: site, persistence: site }\n".to_owned());
        write!(
            yaml,
            "persistence:\n  mim: {{ {group} }}\n{site_group}pools:\n  \
             mim-service: {{ role: mim_service, {pool} nodes: [ {service} ] }}\n  \
             mim-sts: {{ role: mim_sts, {pool} nodes: [ {sts} ] }}\n{site_pool}routes:\n  \
             - {{ listener: mim-service, pool: mim-service, persistence: mim }}\n  \
             - {{ listener: mim-sts, pool: mim-sts, persistence: mim }}\n{site_route}{}",
            self.more
        )
        .unwrap();
        yaml
    }
}

/// One origin behind the listener `web`, without persistence. `pool`: further settings of the pool, each
/// followed by a comma; `more`: further top-level sections.
pub fn single(origin: &Origin, pool: &str, more: &str) -> String {
    format!(
        "listeners:\n  web: {{ bind: \"127.0.0.1:0\" }}\nnodes:\n  one: {{ address: 127.0.0.1 }}\npools:\n  \
         app: {{ {pool} {ONE_PROBE}, nodes: [ {{ node: one, port: {} }} ] }}\nroutes:\n  \
         - {{ listener: web, pool: app }}\n{more}",
        origin.port(0)
    )
}

/// A site of two nodes for browsers behind the listener `web`, pinned by the cookie `EDGE`. `group`: further
/// settings of the group, each preceded by a comma; `nodes`: settings of each node, in the same form.
pub fn site(nodes: [(&MimNode, &str); 2], keys: &Keys, group: &str) -> String {
    let [(a, a_settings), (b, b_settings)] = nodes;
    let (a_name, b_name) = (&a.name, &b.name);
    format!(
        "listeners:\n  web: {{ bind: \"127.0.0.1:0\" }}\nnodes:\n  \
         {a_name}: {{ address: 127.0.0.1{a_settings} }}\n  {b_name}: {{ address: 127.0.0.1{b_settings} }}\n\
         persistence:\n  site: {{ cookie: {{ name: EDGE, keys: [ \"{}\" ] }}{group} }}\npools:\n  \
         site: {{ {QUICK_PROBE}, slow_start: 0s, nodes: [ {{ node: {a_name}, port: {} }}, \
         {{ node: {b_name}, port: {} }} ] }}\nroutes:\n  \
         - {{ listener: web, pool: site, persistence: site }}\n",
        keys.path().display(),
        a.origin.port(SERVICE),
        b.origin.port(SERVICE),
    )
}
