//! The worlds that are searched.

/// What may happen, and how often.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct Budget {
    pub(crate) connects: u8,
    pub(crate) opens: u8,
    pub(crate) resets: u8,
    pub(crate) posts: u8,
    pub(crate) subscribes: u8,
    pub(crate) unsubscribes: u8,
    pub(crate) disconnects: u8,
    pub(crate) crashes: u8,
    pub(crate) stops: u8,
    pub(crate) pauses: u8,
    pub(crate) starts: u8,
    pub(crate) cuts: u8,
    pub(crate) late_bytes: u8,
    pub(crate) restarts: u8,
    pub(crate) saves: u8,
    pub(crate) rollbacks: u8,
    pub(crate) give_ups: u8,
    pub(crate) empties: u8,
    pub(crate) forgets: u8,
    /// How often something that takes long happens early.
    pub(crate) hasty: u8,
}

/// The size of a world, and what may happen in it.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) name: &'static str,
    pub(crate) nodes: usize,
    /// The user of each client.
    pub(crate) clients: &'static [&'static str],
    /// Whether the applications have connected all clients at the first node.
    pub(crate) are_connected: bool,
    /// Whether what is sent to clients arrives at once.
    pub(crate) is_instant: bool,
    /// Whether the clients listen by long-polls, which end when they have an answer.
    pub(crate) polls: bool,
    /// Whether connections have a place in the private log of their user.
    pub(crate) has_private: bool,
    pub(crate) budget: Budget,
}

/// Returns the worlds that go on at random.
pub(crate) fn large_setups() -> Vec<Setup> {
    let base = Setup {
        name: "",
        nodes: 3,
        clients: &["a", "a", "bb"],
        are_connected: true,
        is_instant: true,
        polls: false,
        has_private: false,
        budget: Budget {
            connects: 6,
            opens: 10,
            resets: 6,
            posts: 6,
            disconnects: 1,
            subscribes: 3,
            unsubscribes: 2,
            hasty: u8::MAX,
            ..Budget::default()
        },
    };
    let with = |name, change: fn(&mut Budget)| {
        let mut setup = Setup {
            name,
            ..base.clone()
        };
        change(&mut setup.budget);
        setup
    };
    vec![
        with("calm", |_| {}),
        Setup {
            has_private: true,
            ..with("private", |budget| {
                (budget.crashes, budget.starts, budget.forgets) = (1, 1, 1);
                (budget.posts, budget.restarts, budget.empties) = (10, 1, 1);
            })
        },
        with("crashes", |budget| {
            (budget.crashes, budget.starts) = (2, 2);
        }),
        with("stops", |budget| (budget.stops, budget.starts) = (3, 3)),
        with("pauses", |budget| budget.pauses = 3),
        with("cuts", |budget| {
            (budget.cuts, budget.late_bytes, budget.give_ups) = (4, 4, 2);
        }),
        with("restarts", |budget| budget.restarts = 2),
        with("rollbacks", |budget| {
            (budget.saves, budget.rollbacks) = (2, 2);
        }),
        Setup {
            nodes: 2,
            clients: &["a", "bb"],
            ..with("losses", |budget| {
                (budget.saves, budget.rollbacks, budget.resets) = (1, 1, 0);
                (budget.connects, budget.opens, budget.disconnects) = (0, 3, 0);
                (budget.posts, budget.subscribes, budget.hasty) = (3, 0, 0);
                (budget.crashes, budget.unsubscribes) = (1, 0);
            })
        },
        Setup {
            is_instant: false,
            ..with("sockets", |budget| (budget.crashes, budget.pauses) = (1, 1))
        },
        Setup {
            polls: true,
            ..with("polls", |budget| budget.opens = 20)
        },
        Setup {
            nodes: 2,
            clients: &["a"],
            polls: true,
            is_instant: false,
            ..with("answers", |budget| {
                (budget.opens, budget.resets, budget.posts) = (5, 2, 2);
                (budget.connects, budget.disconnects, budget.subscribes) = (0, 0, 0);
                (budget.crashes, budget.hasty) = (1, 2);
            })
        },
        with("empties", |budget| budget.empties = 2),
        Setup {
            nodes: 2,
            clients: &["a"],
            ..with("emptied", |budget| {
                (budget.empties, budget.posts, budget.subscribes) = (3, 1, 0);
            })
        },
        with("forgets", |budget| budget.forgets = 3),
        Setup {
            nodes: 2,
            clients: &["a"],
            ..with("reborn", |budget| budget.disconnects = 3)
        },
        with("all", |budget| {
            (budget.crashes, budget.starts, budget.pauses) = (1, 2, 1);
            budget.stops = 1;
            (budget.cuts, budget.late_bytes, budget.give_ups) = (2, 2, 1);
            budget.restarts = 1;
        }),
    ]
}

/// Returns the small worlds that are searched completely.
pub(crate) fn setups() -> Vec<Setup> {
    let base = Setup {
        name: "",
        nodes: 2,
        clients: &["a"],
        are_connected: true,
        is_instant: true,
        polls: false,
        has_private: false,
        budget: Budget::default(),
    };
    let with = |name, change: fn(&mut Budget)| {
        let mut setup = Setup {
            name,
            ..base.clone()
        };
        setup.budget.hasty = 2;
        change(&mut setup.budget);
        setup
    };
    vec![
        Setup {
            are_connected: false,
            ..with("connect", |budget| (budget.connects, budget.opens) = (1, 1))
        },
        with("takeover", |budget| budget.opens = 2),
        with("delivery", |budget| (budget.opens, budget.posts) = (1, 2)),
        with("crash", |budget| (budget.opens, budget.crashes) = (2, 1)),
        with("leave", |budget| {
            (budget.opens, budget.posts) = (1, 1);
            (budget.subscribes, budget.unsubscribes, budget.hasty) = (1, 1, 0);
        }),
        with("stop", |budget| {
            (budget.opens, budget.stops, budget.posts) = (2, 1, 1);
        }),
        with("pause", |budget| (budget.opens, budget.pauses) = (1, 1)),
        Setup {
            polls: true,
            is_instant: false,
            ..with("poll", |budget| {
                (budget.opens, budget.posts, budget.resets) = (2, 1, 1);
            })
        },
        with("disconnect", |budget| {
            (budget.opens, budget.disconnects) = (1, 1);
        }),
        with("cut", |budget| {
            (budget.posts, budget.cuts, budget.late_bytes) = (2, 1, 1);
        }),
        with("restart", |budget| (budget.opens, budget.restarts) = (1, 1)),
        with("reborn", |budget| {
            (budget.connects, budget.opens, budget.disconnects) = (1, 2, 1);
            (budget.posts, budget.hasty) = (1, 0);
        }),
    ]
}
