"""All tables of the operational store.

Times are whole milliseconds since 1970 in UTC: one form on both databases, and nothing to parse.
`sealed` columns are encrypted (see `vault`). Every row of a project carries its `project_id`, the key to
shard by; the provider's own names (`seen`, `early_receipts`) belong to none.
"""

from __future__ import annotations

from sqlalchemy import (
    DDL,
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    event,
    false,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

#: On SQLite an INTEGER key is the row's own place in the table; a BIGINT one would be a second index.
Id = BigInteger().with_variant(Integer, "sqlite")


def _id() -> Column[int]:
    return Column("id", Id, primary_key=True, autoincrement=False)


def _project() -> Column[int]:
    return Column("project_id", Integer, nullable=False, server_default=text("1"))


def _on_postgresql(table: Table, *statements: str) -> None:
    """What PostgreSQL needs beside the table itself; SQLite has nothing of the kind."""
    for statement in statements:
        ddl = DDL(statement)  # type: ignore[no-untyped-call]  # the library states no types for it
        event.listen(table, "after_create", ddl.execute_if(dialect="postgresql"))


#: What no part by time is there for (see `store.parts`).
_REST = "CREATE TABLE %(table)s_rest PARTITION OF %(table)s DEFAULT"


#: A person. `session_id` is the conversation they are in, `suspended_id` the one they go back to after it;
#: `chatter` counts words in a row that meant nothing outside one; `consents` names the purposes agreed to now
#: (the record is in `consents`); `roles` what they are beside a member. `handover_id` is the alert for which
#: they talk with a person of the team, or are that person. `hours`, `discreet`: what of their needs decides
#: when and how we write. `wrong_codes` counts since `wrong_codes_at`.
contacts = Table(
    "contacts",
    metadata,
    _id(),
    _project(),
    Column("language", String(16)),
    Column("stopped_at", BigInteger),
    Column("session_id", BigInteger),
    Column("consents", String(200), nullable=False, server_default=""),
    Column("chatter", Integer, nullable=False, server_default=text("0")),
    Column("created_at", BigInteger, nullable=False),
    Column("suspended_id", BigInteger),
    Column("handover_id", BigInteger),
    Column("roles", String(60), nullable=False, server_default=""),
    Column("hours", String(40), nullable=False, server_default=""),
    Column("discreet", Boolean, nullable=False, server_default=false()),
    Column("wrong_codes", Integer, nullable=False, server_default=text("0")),
    Column("wrong_codes_at", BigInteger, nullable=False, server_default=text("0")),
)

#: An address of a contact; `key` is its keyed hash, `sealed` the address itself. Until `voice_until` it speaks for
#: `voice_id` instead: another who shares the phone, or somebody whose carer answers. `shared`: several people
#: use it (see `sharers`); `held`, sealed for the contact, is what somebody wrote before they said who they are.
#: `written_at`: when a process of several last wrote to it, for what must lie between two messages to one chat.
urns = Table(
    "urns",
    metadata,
    Column("key", Id, primary_key=True, autoincrement=False),
    _project(),
    Column("contact_id", BigInteger, nullable=False, index=True),
    Column("scheme", String(16), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("blocked_at", BigInteger),
    Column("created_at", BigInteger, nullable=False),
    Column("voice_id", BigInteger),
    Column("voice_until", BigInteger, nullable=False, server_default=text("0")),
    Column("shared", Boolean, nullable=False, server_default=false()),
    Column("held", LargeBinary),
    Column("written_at", BigInteger, nullable=False, server_default=text("0")),
)

#: Who uses a shared phone. What they are called is in their profile; `sealed` holds it too, for asking who writes.
sharers = Table(
    "sharers",
    metadata,
    Column("urn_key", BigInteger, primary_key=True),
    Column("contact_id", BigInteger, primary_key=True),
    _project(),
    Column("sealed", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Index("ix_sharers_contact_id", "contact_id"),
)

#: What somebody said of themselves and wants kept: district, needs, hours. One row a field. `source` is who said it:
#: `self`, `carer`, `import` or `team`.
profile = Table(
    "profile",
    metadata,
    Column("contact_id", BigInteger, primary_key=True),
    Column("field", String(40), primary_key=True),
    _project(),
    Column("sealed", LargeBinary, nullable=False),
    Column("source", String(16), nullable=False),
    Column("said_at", BigInteger, nullable=False),
)

#: One-time codes and the tokens of links, by the keyed hash of what is typed. `contact_id` is who made it or whom it
#: concerns; `sealed`, for that contact (0: nobody's), says more. `uses` is how often it may still be used; empty:
#: any number of times (a poster).
codes = Table(
    "codes",
    metadata,
    Column("key", Id, primary_key=True, autoincrement=False),
    _project(),
    Column("kind", String(16), nullable=False),
    Column("contact_id", BigInteger, nullable=False, server_default=text("0"), index=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("uses", Integer),
    Column("used", Integer, nullable=False, server_default=text("0")),
    Column("expires_at", BigInteger),
    Column("created_at", BigInteger, nullable=False),
)

#: Who cares for whom, and what they may do. The newest without `ended_at` counts.
carers = Table(
    "carers",
    metadata,
    _id(),
    _project(),
    Column("contact_id", BigInteger, nullable=False, index=True),
    Column("carer_id", BigInteger, nullable=False, index=True),
    Column("scope", String(16), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
)

#: The team, by contact. `sealed` is their name; `turn` their place on the rota (empty: not on it).
staff = Table(
    "staff",
    metadata,
    Column("contact_id", BigInteger, primary_key=True, autoincrement=False),
    _project(),
    Column("sealed", LargeBinary, nullable=False),
    Column("role", String(16), nullable=False),
    Column("turn", Integer),
    Column("hours", String(40), nullable=False, server_default=""),
    Column("created_at", BigInteger, nullable=False),
)

#: Addresses that asked to be forgotten, as keyed hashes: an import never adds them again.
opt_outs = Table(
    "opt_outs",
    metadata,
    Column("key", Id, primary_key=True, autoincrement=False),
    _project(),
    Column("at", BigInteger, nullable=False),
)

#: What was erased, by its reference: nothing of whom. `participant` is the pseudonym whose records the evaluation store
#: still has, until they are deleted there.
erasures = Table(
    "erasures",
    metadata,
    _id(),
    _project(),
    Column("reference", String(16), nullable=False, unique=True),
    Column("participant", String(64)),
    Column("at", BigInteger, nullable=False),
)

#: One contact in one flow. `outcome` is empty while it waits. `wakes_at`: when its fire will ring.
sessions = Table(
    "sessions",
    metadata,
    _id(),
    _project(),
    Column("contact_id", BigInteger, nullable=False, index=True),
    Column("urn_key", BigInteger, nullable=False),
    Column("channel", String(16), nullable=False),
    Column("flow", String(40), nullable=False),
    Column("version", Integer, nullable=False),
    Column("sprint", Integer, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("outcome", String(16), nullable=False, server_default=""),
    Column("started_at", BigInteger, nullable=False),
    Column("heard_at", BigInteger, nullable=False),
    Column("deadline_at", BigInteger, nullable=False),
    Column("wakes_at", BigInteger, nullable=False),
)

#: The keyed hashes of what providers delivered lately, so that twice is once. Narrow, and pruned.
seen = Table(
    "seen",
    metadata,
    Column("key", Id, primary_key=True, autoincrement=False),
    Column("seen_at", BigInteger, nullable=False),
    Index("ix_seen_seen_at", "seen_at"),
)

#: What people sent, for coordinators to read. `urn_key`: from which phone, which may be their carer's.
inbox = Table(
    "inbox",
    metadata,
    _id(),
    _project(),
    Column("contact_id", BigInteger, nullable=False),
    Column("channel", String(16), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("urn_key", BigInteger, nullable=False, server_default=text("0")),
    Index("ix_inbox_contact_id", "contact_id"),
    postgresql_partition_by="RANGE (id)",
)
_on_postgresql(inbox, _REST)

#: Answers by session and question; a changed answer takes the place of the old one with a higher
#: `revision`. `exported_at` is empty until the evaluation store has this revision. `event_id`: what it is about.
#: Found by session and question; `id` is their order (on PostgreSQL no key, for the parts go by session).
answers = Table(
    "answers",
    metadata,
    Column("id", Id, autoincrement=False),
    _project(),
    Column("session_id", BigInteger, nullable=False),
    Column("contact_id", BigInteger, nullable=False),
    Column("flow", String(40), nullable=False),
    Column("version", Integer, nullable=False),
    Column("question", String(40), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("withdrawn", Boolean, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("language", String(16), nullable=False),
    Column("channel", String(16), nullable=False),
    Column("helper", String(16), nullable=False, server_default=""),
    Column("answered_at", BigInteger, nullable=False),
    Column("exported_at", BigInteger),
    Column("event_id", BigInteger),
    PrimaryKeyConstraint("id").ddl_if(dialect="sqlite"),
    UniqueConstraint("session_id", "question"),
    Index(
        "ix_answers_to_export",
        "id",
        sqlite_where=text("exported_at IS NULL"),
        postgresql_where=text("exported_at IS NULL"),
    ),
    postgresql_partition_by="RANGE (session_id)",
)
_on_postgresql(answers, _REST)

_UNFINISHED = text("status IN ('queued', 'errored', 'sending', 'unknown')")
_UNDER_WAY = text("status IN ('sending', 'unknown')")

#: On PostgreSQL a key that is unique over all parts needs a table of its own: `outbox_keys`. The database itself keeps
#: it in step with the outbox, whoever writes there; once a statement, not once a row.
_OUTBOX_KEYS = (
    "CREATE TABLE outbox_keys (key VARCHAR(80) NOT NULL, CONSTRAINT pk_outbox_keys PRIMARY KEY (key))",
    "CREATE FUNCTION outbox_keep_keys() RETURNS trigger LANGUAGE plpgsql AS"
    " 'BEGIN INSERT INTO outbox_keys SELECT key FROM came; RETURN NULL; END'",
    "CREATE FUNCTION outbox_drop_keys() RETURNS trigger LANGUAGE plpgsql AS"
    " 'BEGIN DELETE FROM outbox_keys USING gone WHERE outbox_keys.key = gone.key; RETURN NULL; END'",
    "CREATE TRIGGER keep_keys AFTER INSERT ON outbox REFERENCING NEW TABLE AS came"
    " FOR EACH STATEMENT EXECUTE FUNCTION outbox_keep_keys()",
    "CREATE TRIGGER drop_keys AFTER DELETE ON outbox REFERENCING OLD TABLE AS gone"
    " FOR EACH STATEMENT EXECUTE FUNCTION outbox_drop_keys()",
)

#: Messages on their way. `key` says what the message is, so that twice is once. `edits`: no message of
#: its own, but new buttons for that earlier one.
outbox = Table(
    "outbox",
    metadata,
    _id(),
    _project(),
    Column("key", String(80), nullable=False),
    Column("contact_id", BigInteger, nullable=False, index=True),
    Column("urn_key", BigInteger, nullable=False),
    Column("channel", String(16), nullable=False),
    Column("message_class", SmallInteger, nullable=False),
    Column("status", String(10), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("send_after", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("edits", BigInteger),
    Column("claimed_until", BigInteger),
    Column("external_id", String(64)),
    Column("error", Text),
    Column("segments", Integer),
    Column("created_at", BigInteger, nullable=False),
    Column("sent_at", BigInteger),
    UniqueConstraint("key").ddl_if(dialect="sqlite"),
    Index(
        "ix_outbox_unfinished",
        "channel",
        "message_class",
        "send_after",
        "id",
        sqlite_where=_UNFINISHED,
        postgresql_where=_UNFINISHED,
    ),
    Index("ix_outbox_unfinished_to", "urn_key", sqlite_where=_UNFINISHED, postgresql_where=_UNFINISHED),
    Index("ix_outbox_under_way", "channel", sqlite_where=_UNDER_WAY, postgresql_where=_UNDER_WAY),
    Index(
        "ix_outbox_external_id",
        "external_id",
        sqlite_where=text("external_id IS NOT NULL"),
        postgresql_where=text("external_id IS NOT NULL"),
    ),
    postgresql_partition_by="RANGE (id)",
)
_on_postgresql(outbox, _REST, *_OUTBOX_KEYS)

#: Things due at a time. `key` says what it is; `kind` what to do.
fires = Table(
    "fires",
    metadata,
    _id(),
    _project(),
    Column("key", String(80), nullable=False, unique=True),
    Column("kind", String(16), nullable=False),
    Column("contact_id", BigInteger, nullable=False, index=True),
    Column("urn_key", BigInteger, nullable=False),
    Column("channel", String(16), nullable=False),
    Column("session_id", BigInteger),
    Column("flow", String(40)),
    Column("due_at", BigInteger, nullable=False, index=True),
)

#: Who agreed to what, to which words, in which language, by which channel, and when. Only grows.
consents = Table(
    "consents",
    metadata,
    _id(),
    _project(),
    Column("contact_id", BigInteger, nullable=False, index=True),
    Column("purpose", String(40), nullable=False),
    Column("given", Boolean, nullable=False),
    Column("flow", String(40), nullable=False),
    Column("version", Integer, nullable=False),
    Column("question", String(40), nullable=False),
    Column("language", String(16), nullable=False),
    Column("channel", String(16), nullable=False),
    Column("at", BigInteger, nullable=False),
)

#: Something a coordinator must look at: who asked for a person, what could not be handled or sent. `number` is what
#: the team calls it; `urn_key` and `channel` where the person wrote. `taken_by`: who of the team sees to it since
#: `taken_at`. `pages` counts the calls for somebody to take it. `heard_at`: the last word of either side.
alerts = Table(
    "alerts",
    metadata,
    _id(),
    _project(),
    Column("kind", String(16), nullable=False),
    Column("contact_id", BigInteger),
    Column("detail", String(80), nullable=False, server_default=""),
    Column("created_at", BigInteger, nullable=False),
    Column("done_at", BigInteger),
    Column("number", Integer),
    Column("urn_key", BigInteger, nullable=False, server_default=text("0")),
    Column("channel", String(16), nullable=False, server_default=""),
    Column("taken_by", BigInteger),
    Column("taken_at", BigInteger),
    Column("pages", Integer, nullable=False, server_default=text("0")),
    Column("heard_at", BigInteger),
    Index("ix_alerts_contact_id", "contact_id"),
    Index("ix_alerts_number", "number", unique=True),
)

#: Receipts that overtook our own note that the message was sent.
early_receipts = Table(
    "early_receipts",
    metadata,
    Column("external_id", String(64), primary_key=True),
    Column("status", String(10), nullable=False),
    Column("error", Text),
    Column("at", BigInteger, nullable=False),
)

#: How far something outside has been read, such as the provider's log of inbound texts. Belongs to the account.
bookmarks = Table(
    "bookmarks",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("at", BigInteger, nullable=False),
)

#: So many of a channel's units a second are that process's until then; the provider told it to wait until `held_until`.
#: See `store.shares`.
pace_shares = Table(
    "pace_shares",
    metadata,
    Column("channel", String(16), primary_key=True),
    Column("process", BigInteger, primary_key=True, autoincrement=False),
    Column("units", Integer, nullable=False),
    Column("wants", Boolean, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("held_until", BigInteger, nullable=False),
)

#: What people attend. `document` is the whole `domain.event.Event` as JSON; the columns beside it are for finding and
#: counting. `room` says where, folded, so that two events in one room are seen. `taken` places are held, `beside` of
#: them for companions, and `asked` people asked for one so far: kept exact by the row's lock. `walk_ins` came without
#: a booking.
events = Table(
    "events",
    metadata,
    _id(),
    _project(),
    Column("number", Integer, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("state", String(12), nullable=False),
    Column("starts_at", BigInteger, nullable=False),
    Column("ends_at", BigInteger, nullable=False),
    Column("room", String(200), nullable=False, server_default=""),
    Column("capacity", Integer),
    Column("kept", Integer, nullable=False, server_default=text("0")),
    Column("taken", Integer, nullable=False, server_default=text("0")),
    Column("beside", Integer, nullable=False, server_default=text("0")),
    Column("asked", Integer, nullable=False, server_default=text("0")),
    Column("revision", Integer, nullable=False, server_default=text("0")),
    Column("walk_ins", Integer, nullable=False, server_default=text("0")),
    Column("document", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("published_at", BigInteger),
    Column("called_off_at", BigInteger),
    UniqueConstraint("project_id", "number"),
    Index("ix_events_state", "state", "starts_at"),
)

#: A place at an event, or the wish for one (see `domain.places.Booking`). `came` is empty until somebody has looked;
#: `sealed` is why they gave it up or did not come. `urn_key` and `channel`: where they are written to about it.
bookings = Table(
    "bookings",
    metadata,
    _id(),
    _project(),
    Column("event_id", BigInteger, nullable=False),
    Column("contact_id", BigInteger, nullable=False, index=True),
    Column("status", String(12), nullable=False),
    Column("position", Integer, nullable=False),
    Column("companions", SmallInteger, nullable=False, server_default=text("0")),
    Column("offered_until", BigInteger),
    Column("offers", SmallInteger, nullable=False, server_default=text("0")),
    Column("revision", Integer, nullable=False, server_default=text("0")),
    Column("acknowledged", Integer, nullable=False, server_default=text("0")),
    Column("urn_key", BigInteger, nullable=False),
    Column("channel", String(16), nullable=False),
    Column("came", Boolean),
    Column("companions_came", SmallInteger, nullable=False, server_default=text("0")),
    Column("sealed", LargeBinary),
    Column("asked_at", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    UniqueConstraint("event_id", "contact_id"),
    Index("ix_bookings_event_id", "event_id", "status", "position"),
)

#: Who does what at an event beside attending it. `sealed`, for that contact: their notes of it afterwards.
duties = Table(
    "duties",
    metadata,
    Column("event_id", BigInteger, primary_key=True),
    Column("contact_id", BigInteger, primary_key=True),
    Column("role", String(16), primary_key=True),
    _project(),
    Column("sealed", LargeBinary),
    Column("created_at", BigInteger, nullable=False),
    Index("ix_duties_contact_id", "contact_id"),
)

#: Something to be arranged for an event: a need of somebody who comes. `owner_id` is who of the team sees to it.
#: Settled when `settled_at` is set.
tasks = Table(
    "tasks",
    metadata,
    _id(),
    _project(),
    Column("event_id", BigInteger, nullable=False),
    Column("contact_id", BigInteger, nullable=False, index=True),
    Column("kind", String(20), nullable=False),
    Column("owner_id", BigInteger),
    Column("due_at", BigInteger, nullable=False),
    Column("settled_at", BigInteger),
    Column("created_at", BigInteger, nullable=False),
    UniqueConstraint("event_id", "contact_id", "kind"),
)

#: More of something is wanted, and where: for what to offer next.
demands = Table(
    "demands",
    metadata,
    _id(),
    _project(),
    Column("contact_id", BigInteger, nullable=False, index=True),
    Column("kind", String(20), nullable=False),
    Column("district", String(40), nullable=False, server_default=""),
    Column("at", BigInteger, nullable=False),
    UniqueConstraint("contact_id", "kind"),
)

#: Something else that people may put themselves forward for (see `domain.opportunity.Opportunity`).
opportunities = Table(
    "opportunities",
    metadata,
    _id(),
    _project(),
    Column("number", Integer, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("state", String(12), nullable=False),
    Column("closes_at", BigInteger, nullable=False),
    Column("document", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    UniqueConstraint("project_id", "number"),
    Index("ix_opportunities_state", "state", "closes_at"),
)

#: Who put themselves forward for an opportunity.
interests = Table(
    "interests",
    metadata,
    _id(),
    _project(),
    Column("opportunity_id", BigInteger, nullable=False),
    Column("contact_id", BigInteger, nullable=False, index=True),
    Column("urn_key", BigInteger, nullable=False),
    Column("channel", String(16), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("withdrawn_at", BigInteger),
    UniqueConstraint("opportunity_id", "contact_id"),
)

#: A call that the team made to somebody. `sealed`: what was noted of it. `again_at`: when to try again.
calls = Table(
    "calls",
    metadata,
    _id(),
    _project(),
    Column("contact_id", BigInteger, nullable=False, index=True),
    Column("outcome", String(16), nullable=False),
    Column("again_at", BigInteger),
    Column("sealed", LargeBinary),
    Column("at", BigInteger, nullable=False),
)

#: Who is meant, by a name of the team's. `document` is the `domain.segment.Segment` as JSON.
segments = Table(
    "segments",
    metadata,
    _id(),
    _project(),
    Column("name", String(80), nullable=False),
    Column("document", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    UniqueConstraint("project_id", "name"),
)

#: One message to many. `document` is the whole `domain.broadcast.Broadcast` as JSON. `people` and `segments` were
#: foreseen when it was started. How far it is: everybody up to the contact `cursor` was looked at, `queued` of them
#: have a message or an invitation that waits, of `queued_segments`; `clocks` (JSON) says when each channel's next one
#: may go, `latest_at` when the last one does. `why`: what paused it,
#: if not the team. `month`: it is that month's newsletter; `token` names its page on the web.
broadcasts = Table(
    "broadcasts",
    metadata,
    _id(),
    _project(),
    Column("number", Integer, nullable=False),
    Column("state", String(12), nullable=False),
    Column("document", Text, nullable=False),
    Column("made_by", BigInteger),
    Column("approved_by", BigInteger),
    Column("people", Integer, nullable=False, server_default=text("0")),
    Column("segments", Integer, nullable=False, server_default=text("0")),
    Column("cursor", BigInteger, nullable=False, server_default=text("0")),
    Column("prepared", Boolean, nullable=False, server_default=false()),
    Column("queued", Integer, nullable=False, server_default=text("0")),
    Column("queued_segments", Integer, nullable=False, server_default=text("0")),
    Column("clocks", Text, nullable=False, server_default="{}"),
    Column("latest_at", BigInteger, nullable=False, server_default=text("0")),
    Column("why", String(80), nullable=False, server_default=""),
    Column("created_at", BigInteger, nullable=False),
    Column("started_at", BigInteger),
    Column("ended_at", BigInteger),
    Column("month", String(7)),
    Column("token", String(16)),
    UniqueConstraint("project_id", "number"),
    Index("ix_broadcasts_state", "state"),
    Index("ix_broadcasts_token", "token", unique=True),
)

#: What a newsletter is made of. `document` is the whole `domain.newsletter.Item` as JSON, with nothing of any person.
newsletter_items = Table(
    "newsletter_items",
    metadata,
    _id(),
    _project(),
    Column("number", Integer, nullable=False),
    Column("month", String(7), nullable=False),
    Column("document", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    UniqueConstraint("project_id", "number"),
    Index("ix_newsletter_items_month", "month"),
)

#: Who got a newsletter, sent to them or asked for, and so has all of its items: nobody gets one twice. `theirs`: they
#: had said what it answers.
newsletter_told = Table(
    "newsletter_told",
    metadata,
    _id(),
    _project(),
    Column("broadcast_id", BigInteger, nullable=False),
    Column("contact_id", BigInteger, nullable=False, index=True),
    Column("theirs", Boolean, nullable=False, server_default=false()),
    Column("at", BigInteger, nullable=False),
    UniqueConstraint("broadcast_id", "contact_id"),
)
