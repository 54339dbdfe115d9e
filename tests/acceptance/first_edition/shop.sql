PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE IF NOT EXISTS "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO _sqlite_migrations VALUES(1,'sendplan','orders_and_imports','2026-11-26 02:11:43.092569+00:00');
INSERT INTO _sqlite_migrations VALUES(2,'sendplan','operator_and_meta','2026-11-26 02:11:43.094232+00:00');
INSERT INTO _sqlite_migrations VALUES(3,'sendplan','plans','2026-11-26 02:11:43.095256+00:00');
INSERT INTO _sqlite_migrations VALUES(4,'sendplan','messages','2026-11-26 02:11:43.176607+00:00');
CREATE TABLE IF NOT EXISTS "orders" (
   "id" TEXT PRIMARY KEY,
   "account" TEXT NOT NULL,
   "ordered" INTEGER NOT NULL,
   "version" INTEGER NOT NULL
, "portal" TEXT, "number" TEXT, "customer" TEXT, "status" TEXT, "payment_method" TEXT, "tags" TEXT, "email" TEXT, "name" TEXT, "language" TEXT, "street" TEXT, "postcode" TEXT, "city" TEXT, "country" TEXT, "billing_country" TEXT, "items" INTEGER, "lines" TEXT, "total" INTEGER, "paid_amount" INTEGER, "credited" INTEGER, "shipping_cost" INTEGER, "currency" TEXT, "payment_due" INTEGER, "checkout_completed" INTEGER, "paid" INTEGER, "shipped" INTEGER, "delivered" INTEGER, "seller_feedback" INTEGER, "buyer_feedback" INTEGER, "cancelled" INTEGER, "returned" INTEGER, "parked" INTEGER, "disputed" INTEGER, "consent" INTEGER, "loyalty" TEXT) STRICT;
INSERT INTO orders VALUES('E0','web',1772319600001,1,NULL,'2026/0',NULL,NULL,NULL,NULL,'a@example.com',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,200000,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'gold');
INSERT INTO orders VALUES('E1','web',1772406000001,1,NULL,'2026/1',NULL,NULL,NULL,NULL,'b@example.com',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,200000,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'gold');
INSERT INTO orders VALUES('E2','web',1772492400001,1,NULL,'2026/2',NULL,NULL,NULL,NULL,'fail@example.com',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,200000,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'gold');
INSERT INTO orders VALUES('E3','web',1772578800001,1,NULL,'2026/3',NULL,NULL,NULL,NULL,'defer@example.com',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,200000,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'gold');
INSERT INTO orders VALUES('E4','web',1772665200001,1,NULL,'2026/4',NULL,NULL,NULL,NULL,'lost@example.com',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,200000,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'gold');
INSERT INTO orders VALUES('E5','web',1772319600001,1,NULL,'2026/5',NULL,NULL,NULL,NULL,'paid@example.com',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,200000,NULL,NULL,NULL,NULL,NULL,NULL,1772924400001,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'gold');
INSERT INTO orders VALUES('E6','web',1772406000001,1,NULL,'2026/6',NULL,NULL,NULL,NULL,'g@example.com',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,200000,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'gold');
INSERT INTO orders VALUES('E7','web',1772492400001,1,NULL,'2026/7',NULL,NULL,NULL,NULL,'h@example.com',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,200000,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'gold');
INSERT INTO orders VALUES('E8','web',1773961200001,1,NULL,'2026/8',NULL,NULL,NULL,NULL,'defer@example.com',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,200000,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE IF NOT EXISTS "imports" (
   "account" TEXT,
   "field" TEXT,
   "at" INTEGER NOT NULL,
   PRIMARY KEY ("account", "field")
) STRICT;
INSERT INTO imports VALUES('web','account',1795659111000);
INSERT INTO imports VALUES('web','email',1795659111000);
INSERT INTO imports VALUES('web','id',1795659111000);
INSERT INTO imports VALUES('web','loyalty',1795659103000);
INSERT INTO imports VALUES('web','number',1795659111000);
INSERT INTO imports VALUES('web','ordered',1795659111000);
INSERT INTO imports VALUES('web','paid',1795659103000);
INSERT INTO imports VALUES('web','total',1795659111000);
CREATE TABLE IF NOT EXISTS "import_runs" (
   "id" INTEGER PRIMARY KEY,
   "at" INTEGER,
   "file" TEXT,
   "inserted" INTEGER,
   "updated" INTEGER,
   "unchanged" INTEGER,
   "bad" INTEGER
) STRICT;
INSERT INTO import_runs VALUES(1,1795659103000,'orders.csv',8,0,0,0);
INSERT INTO import_runs VALUES(2,1795659111000,'more.csv',1,0,0,0);
CREATE TABLE IF NOT EXISTS "suppressions" (
   "address" TEXT PRIMARY KEY,
   "at" INTEGER NOT NULL,
   "reason" TEXT
) STRICT;
INSERT INTO suppressions VALUES('fail@example.com',1773133200000,'550 5.1.1 user unknown');
INSERT INTO suppressions VALUES('g@example.com',1795659112000,'by hand');
CREATE TABLE IF NOT EXISTS "pauses" (
   "name" TEXT PRIMARY KEY,
   "at" INTEGER NOT NULL,
   "reason" TEXT
) STRICT;
CREATE TABLE IF NOT EXISTS "meta" (
   "name" TEXT PRIMARY KEY,
   "value" TEXT NOT NULL
) STRICT;
INSERT INTO meta VALUES('identity','9ca1208f540bb9468f7947488015c29f');
INSERT INTO meta VALUES('fields','{"account": "text", "billing_country": "text", "buyer_feedback": "moment", "cancelled": "moment", "checkout_completed": "moment", "city": "text", "consent": "flag", "country": "text", "credited": "decimal", "currency": "text", "customer": "text", "delivered": "moment", "disputed": "flag", "email": "text", "id": "text", "items": "integer", "language": "text", "lines": "records", "loyalty": "text", "name": "text", "number": "text", "ordered": "moment", "paid": "moment", "paid_amount": "decimal", "parked": "flag", "payment_due": "moment", "payment_method": "text", "portal": "text", "postcode": "text", "returned": "moment", "seller_feedback": "moment", "shipped": "moment", "shipping_cost": "decimal", "status": "text", "street": "text", "tags": "list", "total": "decimal"}');
INSERT INTO meta VALUES('zone','Europe/Berlin');
INSERT INTO meta VALUES('executions','4');
CREATE TABLE IF NOT EXISTS "plans" (
   "id" TEXT PRIMARY KEY,
   "json" TEXT NOT NULL,
   "state" TEXT NOT NULL,
   "created" INTEGER NOT NULL,
   "owner" TEXT,
   "token" TEXT,
   "lease_until" INTEGER,
   "sent" INTEGER NOT NULL,
   "failed" INTEGER NOT NULL,
   "uncertain" INTEGER NOT NULL
) STRICT;
INSERT INTO plans VALUES('b42f1bb7a22943c2-69ac8e90','{"format": 1, "id": "b42f1bb7a22943c2-69ac8e90", "now": "2026-03-10T10:00:00+01:00", "timezone": "Europe/Berlin", "digest": "08ce1d2d8bcb9d02", "refused": null, "summary": {"send": 13, "later": 0, "held": 0, "error": 0, "by_rule": {"dunning": {"send": 5}, "welcome": {"send": 8}}}, "warnings": ["dunning: no import of account web ever carried `cancelled`, `credited`, `paid_amount`", "welcome: no import of account web ever carried `cancelled`"], "entries": [{"key": "E0/dunning/reminder", "status": "send", "reason": "send", "why": "due 2026-03-08: payment_due + 7 days", "rule": "dunning", "step": "reminder", "order": "E0", "account": "web", "region": null, "class": "transactional", "sender": "main", "template": "mail", "language": "en", "due": "2026-03-08", "send_at": "2026-03-10T10:00:00+01:00", "to": "a…@example.com", "facts": {"cancelled": null, "country": null, "open_amount": "20.00", "payment_due": "2026-03-01"}}, {"key": "E1/dunning/reminder", "status": "send", "reason": "send", "why": "due 2026-03-09: payment_due + 7 days", "rule": "dunning", "step": "reminder", "order": "E1", "account": "web", "region": null, "class": "transactional", "sender": "main", "template": "mail", "language": "en", "due": "2026-03-09", "send_at": "2026-03-10T10:00:00+01:00", "to": "b…@example.com", "facts": {"cancelled": null, "country": null, "open_amount": "20.00", "payment_due": "2026-03-02"}}, {"key": "E2/dunning/reminder", "status": "send", "reason": "send", "why": "due 2026-03-10: payment_due + 7 days", "rule": "dunning", "step": "reminder", "order": "E2", "account": "web", "region": null, "class": "transactional", "sender": "main", "template": "mail", "language": "en", "due": "2026-03-10", "send_at": "2026-03-10T10:00:00+01:00", "to": "f…@example.com", "facts": {"cancelled": null, "country": null, "open_amount": "20.00", "payment_due": "2026-03-03"}}, {"key": "E6/dunning/reminder", "status": "send", "reason": "send", "why": "due 2026-03-09: payment_due + 7 days", "rule": "dunning", "step": "reminder", "order": "E6", "account": "web", "region": null, "class": "transactional", "sender": "main", "template": "mail", "language": "en", "due": "2026-03-09", "send_at": "2026-03-10T10:00:00+01:00", "to": "g…@example.com", "facts": {"cancelled": null, "country": null, "open_amount": "20.00", "payment_due": "2026-03-02"}}, {"key": "E7/dunning/reminder", "status": "send", "reason": "send", "why": "due 2026-03-10: payment_due + 7 days", "rule": "dunning", "step": "reminder", "order": "E7", "account": "web", "region": null, "class": "transactional", "sender": "main", "template": "mail", "language": "en", "due": "2026-03-10", "send_at": "2026-03-10T10:00:00+01:00", "to": "h…@example.com", "facts": {"cancelled": null, "country": null, "open_amount": "20.00", "payment_due": "2026-03-03"}}, {"key": "E0/welcome", "status": "send", "reason": "send", "why": "due 2026-03-01: ordered", "rule": "welcome", "step": null, "order": "E0", "account": "web", "region": null, "class": "transactional", "sender": "main", "template": "mail", "language": "en", "due": "2026-03-01", "send_at": "2026-03-10T10:00:00+01:00", "to": "a…@example.com", "facts": {"cancelled": null, "country": null, "ordered": "2026-03-01"}}, {"key": "E1/welcome", "status": "send", "reason": "send", "why": "due 2026-03-02: ordered", "rule": "welcome", "step": null, "order": "E1", "account": "web", "region": null, "class": "transactional", "sender": "main", "template": "mail", "language": "en", "due": "2026-03-02", "send_at": "2026-03-10T10:00:00+01:00", "to": "b…@example.com", "facts": {"cancelled": null, "country": null, "ordered": "2026-03-02"}}, {"key": "E2/welcome", "status": "send", "reason": "send", "why": "due 2026-03-03: ordered", "rule": "welcome", "step": null, "order": "E2", "account": "web", "region": null, "class": "transactional", "sender": "main", "template": "mail", "language": "en", "due": "2026-03-03", "send_at": "2026-03-10T10:00:00+01:00", "to": "f…@example.com", "facts": {"cancelled": null, "country": null, "ordered": "2026-03-03"}}, {"key": "E3/welcome", "status": "send", "reason": "send", "why": "due 2026-03-04: ordered", "rule": "welcome", "step": null, "order": "E3", "account": "web", "region": null, "class": "transactional", "sender": "main", "template": "mail", "language": "en", "due": "2026-03-04", "send_at": "2026-03-10T10:00:00+01:00", "to": "d…@example.com", "facts": {"cancelled": null, "country": null, "ordered": "2026-03-04"}}, {"key": "E4/welcome", "status": "send", "reason": "send", "why": "due 2026-03-05: ordered", "rule": "welcome", "step": null, "order": "E4", "account": "web", "region": null, "class": "transactional", "sender": "main", "template": "mail", "language": "en", "due": "2026-03-05", "send_at": "2026-03-10T10:00:00+01:00", "to": "l…@example.com", "facts": {"cancelled": null, "country": null, "ordered": "2026-03-05"}}, {"key": "E5/welcome", "status": "send", "reason": "send", "why": "due 2026-03-01: ordered", "rule": "welcome", "step": null, "order": "E5", "account": "web", "region": null, "class": "transactional", "sender": "main", "template": "mail", "language": "en", "due": "2026-03-01", "send_at": "2026-03-10T10:00:00+01:00", "to": "p…@example.com", "facts": {"cancelled": null, "country": null, "ordered": "2026-03-01"}}, {"key": "E6/welcome", "status": "send", "reason": "send", "why": "due 2026-03-02: ordered", "rule": "welcome", "step": null, "order": "E6", "account": "web", "region": null, "class": "transactional", "sender": "main", "template": "mail", "language": "en", "due": "2026-03-02", "send_at": "2026-03-10T10:00:00+01:00", "to": "g…@example.com", "facts": {"cancelled": null, "country": null, "ordered": "2026-03-02"}}, {"key": "E7/welcome", "status": "send", "reason": "send", "why": "due 2026-03-03: ordered", "rule": "welcome", "step": null, "order": "E7", "account": "web", "region": null, "class": "transactional", "sender": "main", "template": "mail", "language": "en", "due": "2026-03-03", "send_at": "2026-03-10T10:00:00+01:00", "to": "h…@example.com", "facts": {"cancelled": null, "country": null, "ordered": "2026-03-03"}}]}','finished',1795659106862,'vm 2482 2980cfd9-3418-4618-9637-8ab166396372','3d089ac9fe66fd16c4ec47c3',NULL,9,2,1);
INSERT INTO plans VALUES('4a7b246fb521c772-34f5db7a','{"format": 1, "id": "4a7b246fb521c772-34f5db7a", "now": "2026-03-12T10:00:00+01:00", "timezone": "Europe/Berlin", "digest": "08ce1d2d8bcb9d02", "refused": null, "summary": {"send": 3, "later": 0, "held": 0, "error": 0, "by_rule": {"dunning": {"send": 2}, "welcome": {"send": 1}}}, "warnings": ["dunning: no import of account web ever carried `cancelled`, `credited`, `paid_amount`", "welcome: no import of account web ever carried `cancelled`"], "entries": [{"key": "E3/dunning/reminder", "status": "send", "reason": "send", "why": "due 2026-03-11: payment_due + 7 days", "rule": "dunning", "step": "reminder", "order": "E3", "account": "web", "region": null, "class": "transactional", "sender": "main", "template": "mail", "language": "en", "due": "2026-03-11", "send_at": "2026-03-12T10:00:00+01:00", "to": "d…@example.com", "facts": {"cancelled": null, "country": null, "open_amount": "20.00", "payment_due": "2026-03-04"}}, {"key": "E4/dunning/reminder", "status": "send", "reason": "send", "why": "due 2026-03-12: payment_due + 7 days", "rule": "dunning", "step": "reminder", "order": "E4", "account": "web", "region": null, "class": "transactional", "sender": "main", "template": "mail", "language": "en", "due": "2026-03-12", "send_at": "2026-03-12T10:00:00+01:00", "to": "l…@example.com", "facts": {"cancelled": null, "country": null, "open_amount": "20.00", "payment_due": "2026-03-05"}}, {"key": "E3/welcome", "status": "send", "reason": "send", "why": "due 2026-03-04: ordered", "rule": "welcome", "step": null, "order": "E3", "account": "web", "region": null, "class": "transactional", "sender": "main", "template": "mail", "language": "en", "due": "2026-03-04", "send_at": "2026-03-12T10:00:00+01:00", "to": "d…@example.com", "facts": {"cancelled": null, "country": null, "ordered": "2026-03-04"}}]}','finished',1795659109713,'vm 2482 2980cfd9-3418-4618-9637-8ab166396372','63a40ba897363c40da649ff0',NULL,0,0,1);
INSERT INTO plans VALUES('c61389ad4c4fcbfe-f51f0af3','{"format": 1, "id": "c61389ad4c4fcbfe-f51f0af3", "now": "2026-03-20T10:00:00+01:00", "timezone": "Europe/Berlin", "digest": "08ce1d2d8bcb9d02", "refused": null, "summary": {"send": 5, "later": 0, "held": 0, "error": 0, "by_rule": {"dunning": {"send": 4}, "welcome": {"send": 1}}}, "warnings": ["dunning: no import of account web ever carried `cancelled`, `credited`, `paid_amount`", "welcome: no import of account web ever carried `cancelled`"], "entries": [{"key": "E0/dunning/first", "status": "send", "reason": "send", "why": "due 2026-03-17: reminder sent 2026-03-10 + 7 days", "rule": "dunning", "step": "first", "order": "E0", "account": "web", "region": null, "class": "transactional", "sender": "main", "template": "mail", "language": "en", "due": "2026-03-17", "send_at": "2026-03-20T10:00:00+01:00", "to": "a…@example.com", "facts": {"cancelled": null, "country": null, "open_amount": "20.00"}}, {"key": "E1/dunning/first", "status": "send", "reason": "send", "why": "due 2026-03-17: reminder sent 2026-03-10 + 7 days", "rule": "dunning", "step": "first", "order": "E1", "account": "web", "region": null, "class": "transactional", "sender": "main", "template": "mail", "language": "en", "due": "2026-03-17", "send_at": "2026-03-20T10:00:00+01:00", "to": "b…@example.com", "facts": {"cancelled": null, "country": null, "open_amount": "20.00"}}, {"key": "E7/dunning/first", "status": "send", "reason": "send", "why": "due 2026-03-17: reminder sent 2026-03-10 + 7 days", "rule": "dunning", "step": "first", "order": "E7", "account": "web", "region": null, "class": "transactional", "sender": "main", "template": "mail", "language": "en", "due": "2026-03-17", "send_at": "2026-03-20T10:00:00+01:00", "to": "h…@example.com", "facts": {"cancelled": null, "country": null, "open_amount": "20.00"}}, {"key": "E3/dunning/reminder", "status": "send", "reason": "send", "why": "due 2026-03-11: payment_due + 7 days", "rule": "dunning", "step": "reminder", "order": "E3", "account": "web", "region": null, "class": "transactional", "sender": "main", "template": "mail", "language": "en", "due": "2026-03-11", "send_at": "2026-03-20T10:00:00+01:00", "to": "d…@example.com", "facts": {"cancelled": null, "country": null, "open_amount": "20.00", "payment_due": "2026-03-04"}}, {"key": "E3/welcome", "status": "send", "reason": "send", "why": "due 2026-03-04: ordered", "rule": "welcome", "step": null, "order": "E3", "account": "web", "region": null, "class": "transactional", "sender": "main", "template": "mail", "language": "en", "due": "2026-03-04", "send_at": "2026-03-20T10:00:00+01:00", "to": "d…@example.com", "facts": {"cancelled": null, "country": null, "ordered": "2026-03-04"}}]}','finished',1795659111258,'vm 2482 2980cfd9-3418-4618-9637-8ab166396372','44d182c0c6ef8fbaf3230f5c',NULL,3,2,0);
INSERT INTO plans VALUES('a88b509d7b762f44-b3067bc1','{"format": 1, "id": "a88b509d7b762f44-b3067bc1", "now": "2026-03-20T11:00:00+01:00", "timezone": "Europe/Berlin", "digest": "08ce1d2d8bcb9d02", "refused": null, "summary": {"send": 1, "later": 0, "held": 0, "error": 0, "by_rule": {"welcome": {"send": 1}}}, "warnings": ["dunning: no import of account web ever carried `cancelled`, `credited`, `paid_amount`", "welcome: no import of account web ever carried `cancelled`"], "entries": [{"key": "E8/welcome", "status": "send", "reason": "send", "why": "due 2026-03-20: ordered", "rule": "welcome", "step": null, "order": "E8", "account": "web", "region": null, "class": "transactional", "sender": "main", "template": "mail", "language": "en", "due": "2026-03-20", "send_at": "2026-03-20T11:00:00+01:00", "to": "d…@example.com", "facts": {"cancelled": null, "country": null, "ordered": "2026-03-20"}}]}','finished',1795659111895,'vm 2482 2980cfd9-3418-4618-9637-8ab166396372','893452f399a6850572f1d18d',NULL,0,0,0);
CREATE TABLE IF NOT EXISTS "messages" (
   "order_id" TEXT NOT NULL,
   "rule" TEXT NOT NULL,
   "step" TEXT NOT NULL,
   "state" TEXT NOT NULL,
   "at" INTEGER NOT NULL,
   "attempts" INTEGER NOT NULL,
   "next_attempt" INTEGER,
   "reply" TEXT NOT NULL,
   "queue_id" TEXT NOT NULL,
   "sender" TEXT NOT NULL,
   "recipients" INTEGER NOT NULL,
   "token" TEXT NOT NULL,
   "actor" TEXT NOT NULL,
   "wall" INTEGER NOT NULL,
   "repeat_from" INTEGER,
   PRIMARY KEY ("order_id", "rule", "step")
) STRICT;
INSERT INTO messages VALUES('E0','dunning','reminder','sent',1773133200000,1,NULL,'250 2.0.0 Ok: queued as SINK1','SINK1','main',1,'3d089ac9fe66fd16c4ec47c3','b42f1bb7a22943c2-69ac8e90',1795659108012,NULL);
INSERT INTO messages VALUES('E1','dunning','reminder','sent',1773133200000,1,NULL,'250 2.0.0 Ok: queued as SINK2','SINK2','main',1,'3d089ac9fe66fd16c4ec47c3','b42f1bb7a22943c2-69ac8e90',1795659108092,NULL);
INSERT INTO messages VALUES('E2','dunning','reminder','failed',1773133200000,1,NULL,'550 5.1.1 user unknown','','main',0,'3d089ac9fe66fd16c4ec47c3','b42f1bb7a22943c2-69ac8e90',1795659108092,NULL);
INSERT INTO messages VALUES('E6','dunning','reminder','sent',1773133200000,1,NULL,'250 2.0.0 Ok: queued as SINK3','SINK3','main',1,'3d089ac9fe66fd16c4ec47c3','b42f1bb7a22943c2-69ac8e90',1795659108147,NULL);
INSERT INTO messages VALUES('E7','dunning','reminder','sent',1773133200000,1,NULL,'250 2.0.0 Ok: queued as SINK4','SINK4','main',1,'3d089ac9fe66fd16c4ec47c3','b42f1bb7a22943c2-69ac8e90',1795659108245,NULL);
INSERT INTO messages VALUES('E0','welcome','','sent',1773133200000,1,NULL,'250 2.0.0 Ok: queued as SINK5','SINK5','main',1,'3d089ac9fe66fd16c4ec47c3','b42f1bb7a22943c2-69ac8e90',1795659108284,NULL);
INSERT INTO messages VALUES('E1','welcome','','sent',1773133200000,1,NULL,'250 2.0.0 Ok: queued as SINK6','SINK6','main',1,'3d089ac9fe66fd16c4ec47c3','b42f1bb7a22943c2-69ac8e90',1795659108368,NULL);
INSERT INTO messages VALUES('E2','welcome','','failed',1773133200000,1,NULL,'550 5.1.1 user unknown','','main',0,'3d089ac9fe66fd16c4ec47c3','b42f1bb7a22943c2-69ac8e90',1795659108368,NULL);
INSERT INTO messages VALUES('E3','welcome','','failed',1773997200000,3,NULL,'450 4.2.1 mailbox busy','','main',0,'44d182c0c6ef8fbaf3230f5c','c61389ad4c4fcbfe-f51f0af3',1795659111502,NULL);
INSERT INTO messages VALUES('E4','welcome','','uncertain',1773133200000,1,NULL,'the server closed the connection','','main',1,'3d089ac9fe66fd16c4ec47c3','b42f1bb7a22943c2-69ac8e90',1795659108406,NULL);
INSERT INTO messages VALUES('E5','welcome','','sent',1773133200000,1,NULL,'250 2.0.0 Ok: queued as SINK8','SINK8','main',1,'3d089ac9fe66fd16c4ec47c3','b42f1bb7a22943c2-69ac8e90',1795659109484,NULL);
INSERT INTO messages VALUES('E6','welcome','','sent',1773133200000,1,NULL,'250 2.0.0 Ok: queued as SINK9','SINK9','main',1,'3d089ac9fe66fd16c4ec47c3','b42f1bb7a22943c2-69ac8e90',1795659109492,NULL);
INSERT INTO messages VALUES('E7','welcome','','sent',1773133200000,1,NULL,'250 2.0.0 Ok: queued as SINK10','SINK10','main',1,'3d089ac9fe66fd16c4ec47c3','b42f1bb7a22943c2-69ac8e90',1795659109509,NULL);
INSERT INTO messages VALUES('E3','dunning','reminder','dropped',1795659111000,2,NULL,'resolved by a person: drop','','main',0,'44d182c0c6ef8fbaf3230f5c','person',1795659111732,NULL);
INSERT INTO messages VALUES('E4','dunning','reminder','uncertain',1773306000000,1,NULL,'the server closed the connection','','main',1,'63a40ba897363c40da649ff0','4a7b246fb521c772-34f5db7a',1795659109846,NULL);
INSERT INTO messages VALUES('E6','dunning','first','sent',1773442800000,0,NULL,'resolved by a person: sent','','',0,'','person',1795659111078,NULL);
INSERT INTO messages VALUES('E0','dunning','first','sent',1773997200000,1,NULL,'250 2.0.0 Ok: queued as SINK12','SINK12','main',1,'44d182c0c6ef8fbaf3230f5c','c61389ad4c4fcbfe-f51f0af3',1795659111441,NULL);
INSERT INTO messages VALUES('E1','dunning','first','sent',1773997200000,1,NULL,'250 2.0.0 Ok: queued as SINK13','SINK13','main',1,'44d182c0c6ef8fbaf3230f5c','c61389ad4c4fcbfe-f51f0af3',1795659111460,NULL);
INSERT INTO messages VALUES('E7','dunning','first','sent',1773997200000,1,NULL,'250 2.0.0 Ok: queued as SINK14','SINK14','main',1,'44d182c0c6ef8fbaf3230f5c','c61389ad4c4fcbfe-f51f0af3',1795659111471,NULL);
INSERT INTO messages VALUES('E8','welcome','','deferred',1774000800000,1,1774001137000,'450 4.2.1 mailbox busy','','main',0,'893452f399a6850572f1d18d','a88b509d7b762f44-b3067bc1',1795659112033,NULL);
CREATE TABLE IF NOT EXISTS "message_log" (
   "id" INTEGER PRIMARY KEY,
   "order_id" TEXT,
   "rule" TEXT,
   "step" TEXT,
   "at" INTEGER,
   "before" TEXT,
   "after" TEXT,
   "reply" TEXT,
   "actor" TEXT,
   "sender" TEXT,
   "recipients" INTEGER,
   "wall" INTEGER
) STRICT;
INSERT INTO message_log VALUES(1,'E0','dunning','reminder',1773133200000,NULL,'sending','','b42f1bb7a22943c2-69ac8e90','main',1,1795659107957);
INSERT INTO message_log VALUES(2,'E0','dunning','reminder',1773133200000,'sending','sent','250 2.0.0 Ok: queued as SINK1','b42f1bb7a22943c2-69ac8e90','main',1,1795659108012);
INSERT INTO message_log VALUES(3,'E1','dunning','reminder',1773133200000,NULL,'sending','','b42f1bb7a22943c2-69ac8e90','main',1,1795659108012);
INSERT INTO message_log VALUES(4,'E1','dunning','reminder',1773133200000,'sending','sent','250 2.0.0 Ok: queued as SINK2','b42f1bb7a22943c2-69ac8e90','main',1,1795659108092);
INSERT INTO message_log VALUES(5,'E2','dunning','reminder',1773133200000,NULL,'failed','550 5.1.1 user unknown','b42f1bb7a22943c2-69ac8e90','main',0,1795659108092);
INSERT INTO message_log VALUES(6,'E6','dunning','reminder',1773133200000,NULL,'sending','','b42f1bb7a22943c2-69ac8e90','main',1,1795659108093);
INSERT INTO message_log VALUES(7,'E6','dunning','reminder',1773133200000,'sending','sent','250 2.0.0 Ok: queued as SINK3','b42f1bb7a22943c2-69ac8e90','main',1,1795659108147);
INSERT INTO message_log VALUES(8,'E7','dunning','reminder',1773133200000,NULL,'sending','','b42f1bb7a22943c2-69ac8e90','main',1,1795659108164);
INSERT INTO message_log VALUES(9,'E7','dunning','reminder',1773133200000,'sending','sent','250 2.0.0 Ok: queued as SINK4','b42f1bb7a22943c2-69ac8e90','main',1,1795659108245);
INSERT INTO message_log VALUES(10,'E0','welcome','',1773133200000,NULL,'sending','','b42f1bb7a22943c2-69ac8e90','main',1,1795659108245);
INSERT INTO message_log VALUES(11,'E0','welcome','',1773133200000,'sending','sent','250 2.0.0 Ok: queued as SINK5','b42f1bb7a22943c2-69ac8e90','main',1,1795659108284);
INSERT INTO message_log VALUES(12,'E1','welcome','',1773133200000,NULL,'sending','','b42f1bb7a22943c2-69ac8e90','main',1,1795659108284);
INSERT INTO message_log VALUES(13,'E1','welcome','',1773133200000,'sending','sent','250 2.0.0 Ok: queued as SINK6','b42f1bb7a22943c2-69ac8e90','main',1,1795659108368);
INSERT INTO message_log VALUES(14,'E2','welcome','',1773133200000,NULL,'failed','550 5.1.1 user unknown','b42f1bb7a22943c2-69ac8e90','main',0,1795659108368);
INSERT INTO message_log VALUES(15,'E3','welcome','',1773133200000,NULL,'deferred','450 4.2.1 mailbox busy','b42f1bb7a22943c2-69ac8e90','main',0,1795659108368);
INSERT INTO message_log VALUES(16,'E4','welcome','',1773133200000,NULL,'sending','','b42f1bb7a22943c2-69ac8e90','main',1,1795659108376);
INSERT INTO message_log VALUES(17,'E4','welcome','',1773133200000,'sending','uncertain','the server closed the connection','b42f1bb7a22943c2-69ac8e90','main',1,1795659108406);
INSERT INTO message_log VALUES(18,'E5','welcome','',1773133200000,NULL,'sending','','b42f1bb7a22943c2-69ac8e90','main',1,1795659109452);
INSERT INTO message_log VALUES(19,'E5','welcome','',1773133200000,'sending','sent','250 2.0.0 Ok: queued as SINK8','b42f1bb7a22943c2-69ac8e90','main',1,1795659109484);
INSERT INTO message_log VALUES(20,'E6','welcome','',1773133200000,NULL,'sending','','b42f1bb7a22943c2-69ac8e90','main',1,1795659109484);
INSERT INTO message_log VALUES(21,'E6','welcome','',1773133200000,'sending','sent','250 2.0.0 Ok: queued as SINK9','b42f1bb7a22943c2-69ac8e90','main',1,1795659109492);
INSERT INTO message_log VALUES(22,'E7','welcome','',1773133200000,NULL,'sending','','b42f1bb7a22943c2-69ac8e90','main',1,1795659109492);
INSERT INTO message_log VALUES(23,'E7','welcome','',1773133200000,'sending','sent','250 2.0.0 Ok: queued as SINK10','b42f1bb7a22943c2-69ac8e90','main',1,1795659109509);
INSERT INTO message_log VALUES(24,'E3','dunning','reminder',1773306000000,NULL,'deferred','450 4.2.1 mailbox busy','4a7b246fb521c772-34f5db7a','main',0,1795659109828);
INSERT INTO message_log VALUES(25,'E4','dunning','reminder',1773306000000,NULL,'sending','','4a7b246fb521c772-34f5db7a','main',1,1795659109829);
INSERT INTO message_log VALUES(26,'E4','dunning','reminder',1773306000000,'sending','uncertain','the server closed the connection','4a7b246fb521c772-34f5db7a','main',1,1795659109846);
INSERT INTO message_log VALUES(27,'E3','welcome','',1773306000000,'deferred','deferred','450 4.2.1 mailbox busy','4a7b246fb521c772-34f5db7a','main',0,1795659110865);
INSERT INTO message_log VALUES(28,'E6','dunning','first',1773442800000,NULL,'sent','resolved by a person: sent','person','',0,1795659111078);
INSERT INTO message_log VALUES(29,'E0','dunning','first',1773997200000,NULL,'sending','','c61389ad4c4fcbfe-f51f0af3','main',1,1795659111420);
INSERT INTO message_log VALUES(30,'E0','dunning','first',1773997200000,'sending','sent','250 2.0.0 Ok: queued as SINK12','c61389ad4c4fcbfe-f51f0af3','main',1,1795659111441);
INSERT INTO message_log VALUES(31,'E1','dunning','first',1773997200000,NULL,'sending','','c61389ad4c4fcbfe-f51f0af3','main',1,1795659111441);
INSERT INTO message_log VALUES(32,'E1','dunning','first',1773997200000,'sending','sent','250 2.0.0 Ok: queued as SINK13','c61389ad4c4fcbfe-f51f0af3','main',1,1795659111460);
INSERT INTO message_log VALUES(33,'E7','dunning','first',1773997200000,NULL,'sending','','c61389ad4c4fcbfe-f51f0af3','main',1,1795659111460);
INSERT INTO message_log VALUES(34,'E7','dunning','first',1773997200000,'sending','sent','250 2.0.0 Ok: queued as SINK14','c61389ad4c4fcbfe-f51f0af3','main',1,1795659111471);
INSERT INTO message_log VALUES(35,'E3','dunning','reminder',1773997200000,'deferred','failed','450 4.2.1 mailbox busy','c61389ad4c4fcbfe-f51f0af3','main',0,1795659111471);
INSERT INTO message_log VALUES(36,'E3','welcome','',1773997200000,'deferred','failed','450 4.2.1 mailbox busy','c61389ad4c4fcbfe-f51f0af3','main',0,1795659111502);
INSERT INTO message_log VALUES(37,'E3','dunning','reminder',1795659111000,'failed','dropped','resolved by a person: drop','person','main',0,1795659111732);
INSERT INTO message_log VALUES(38,'E8','welcome','',1774000800000,NULL,'deferred','450 4.2.1 mailbox busy','a88b509d7b762f44-b3067bc1','main',0,1795659112033);
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
CREATE INDEX "idx_plans_token_lease_until"
    ON "plans" ("token", "lease_until");
CREATE INDEX "idx_message_log_order_id_rule_step"
    ON "message_log" ("order_id", "rule", "step");
CREATE INDEX messages_open ON messages (state, at) WHERE state <> 'sent';
CREATE INDEX transmissions ON message_log (sender, wall, recipients) WHERE after = 'sending';
CREATE TRIGGER messages_insert_legal BEFORE INSERT ON messages WHEN NEW.state NOT IN ('deferred', 'dropped', 'failed', 'sending', 'sent') BEGIN SELECT RAISE(ABORT, 'illegal move of a message'); END;
CREATE TRIGGER messages_update_legal BEFORE UPDATE OF state ON messages WHEN OLD.state || '>' || NEW.state NOT IN ('deferred>deferred', 'deferred>dropped', 'deferred>failed', 'deferred>sending', 'deferred>sent', 'dropped>sent', 'failed>dropped', 'failed>sent', 'sending>deferred', 'sending>failed', 'sending>sent', 'sending>uncertain', 'uncertain>deferred', 'uncertain>dropped', 'uncertain>failed', 'uncertain>sent') BEGIN SELECT RAISE(ABORT, 'illegal move of a message'); END;
CREATE TRIGGER messages_delete_legal BEFORE DELETE ON messages WHEN OLD.state NOT IN ('deferred', 'dropped', 'failed', 'uncertain') BEGIN SELECT RAISE(ABORT, 'illegal move of a message'); END;
CREATE TRIGGER messages_insert_logged AFTER INSERT ON messages BEGIN INSERT INTO message_log (order_id, rule, step, at, before, after, reply, actor, sender, recipients, wall) VALUES (NEW.order_id, NEW.rule, NEW.step, NEW.at, NULL, NEW.state, NEW.reply, NEW.actor, NEW.sender, NEW.recipients, NEW.wall); END;
CREATE TRIGGER messages_update_logged AFTER UPDATE OF state ON messages BEGIN INSERT INTO message_log (order_id, rule, step, at, before, after, reply, actor, sender, recipients, wall) VALUES (NEW.order_id, NEW.rule, NEW.step, NEW.at, OLD.state, NEW.state, NEW.reply, NEW.actor, NEW.sender, NEW.recipients, NEW.wall); END;
CREATE TRIGGER messages_delete_logged AFTER DELETE ON messages BEGIN INSERT INTO message_log (order_id, rule, step, at, before, after, reply, actor, sender, recipients, wall) VALUES (OLD.order_id, OLD.rule, OLD.step, OLD.at, OLD.state, NULL, OLD.reply, OLD.actor, OLD.sender, OLD.recipients, OLD.wall); END;
CREATE TRIGGER message_log_update_refused BEFORE UPDATE ON message_log BEGIN SELECT RAISE(ABORT, 'the history of messages is append-only'); END;
CREATE TRIGGER message_log_delete_refused BEFORE DELETE ON message_log BEGIN SELECT RAISE(ABORT, 'the history of messages is append-only'); END;
CREATE VIEW "orders_readable" AS SELECT "id" AS "id", "account" AS "account", "portal" AS "portal", "number" AS "number", "customer" AS "customer", "status" AS "status", "payment_method" AS "payment_method", "tags" AS "tags", "email" AS "email", "name" AS "name", "language" AS "language", "street" AS "street", "postcode" AS "postcode", "city" AS "city", "country" AS "country", "billing_country" AS "billing_country", "items" AS "items", "lines" AS "lines", CASE WHEN "total" % 100 = 0 THEN printf('%s%d.%02d', CASE WHEN "total" < 0 THEN '-' ELSE '' END, abs("total") / 10000, abs("total") % 10000 / 100) WHEN "total" IS NOT NULL THEN printf('%s%d.%04d', CASE WHEN "total" < 0 THEN '-' ELSE '' END, abs("total") / 10000, abs("total") % 10000) END AS "total", CASE WHEN "paid_amount" % 100 = 0 THEN printf('%s%d.%02d', CASE WHEN "paid_amount" < 0 THEN '-' ELSE '' END, abs("paid_amount") / 10000, abs("paid_amount") % 10000 / 100) WHEN "paid_amount" IS NOT NULL THEN printf('%s%d.%04d', CASE WHEN "paid_amount" < 0 THEN '-' ELSE '' END, abs("paid_amount") / 10000, abs("paid_amount") % 10000) END AS "paid_amount", CASE WHEN "credited" % 100 = 0 THEN printf('%s%d.%02d', CASE WHEN "credited" < 0 THEN '-' ELSE '' END, abs("credited") / 10000, abs("credited") % 10000 / 100) WHEN "credited" IS NOT NULL THEN printf('%s%d.%04d', CASE WHEN "credited" < 0 THEN '-' ELSE '' END, abs("credited") / 10000, abs("credited") % 10000) END AS "credited", CASE WHEN "shipping_cost" % 100 = 0 THEN printf('%s%d.%02d', CASE WHEN "shipping_cost" < 0 THEN '-' ELSE '' END, abs("shipping_cost") / 10000, abs("shipping_cost") % 10000 / 100) WHEN "shipping_cost" IS NOT NULL THEN printf('%s%d.%04d', CASE WHEN "shipping_cost" < 0 THEN '-' ELSE '' END, abs("shipping_cost") / 10000, abs("shipping_cost") % 10000) END AS "shipping_cost", "currency" AS "currency", CASE WHEN "ordered" % 1000 <> 0 THEN date("ordered" / 1000 + 25200, 'unixepoch') ELSE strftime('%Y-%m-%d %H:%M:%SZ', "ordered" / 1000, 'unixepoch') END AS "ordered", CASE WHEN "payment_due" % 1000 <> 0 THEN date("payment_due" / 1000 + 25200, 'unixepoch') ELSE strftime('%Y-%m-%d %H:%M:%SZ', "payment_due" / 1000, 'unixepoch') END AS "payment_due", CASE WHEN "checkout_completed" % 1000 <> 0 THEN date("checkout_completed" / 1000 + 25200, 'unixepoch') ELSE strftime('%Y-%m-%d %H:%M:%SZ', "checkout_completed" / 1000, 'unixepoch') END AS "checkout_completed", CASE WHEN "paid" % 1000 <> 0 THEN date("paid" / 1000 + 25200, 'unixepoch') ELSE strftime('%Y-%m-%d %H:%M:%SZ', "paid" / 1000, 'unixepoch') END AS "paid", CASE WHEN "shipped" % 1000 <> 0 THEN date("shipped" / 1000 + 25200, 'unixepoch') ELSE strftime('%Y-%m-%d %H:%M:%SZ', "shipped" / 1000, 'unixepoch') END AS "shipped", CASE WHEN "delivered" % 1000 <> 0 THEN date("delivered" / 1000 + 25200, 'unixepoch') ELSE strftime('%Y-%m-%d %H:%M:%SZ', "delivered" / 1000, 'unixepoch') END AS "delivered", CASE WHEN "seller_feedback" % 1000 <> 0 THEN date("seller_feedback" / 1000 + 25200, 'unixepoch') ELSE strftime('%Y-%m-%d %H:%M:%SZ', "seller_feedback" / 1000, 'unixepoch') END AS "seller_feedback", CASE WHEN "buyer_feedback" % 1000 <> 0 THEN date("buyer_feedback" / 1000 + 25200, 'unixepoch') ELSE strftime('%Y-%m-%d %H:%M:%SZ', "buyer_feedback" / 1000, 'unixepoch') END AS "buyer_feedback", CASE WHEN "cancelled" % 1000 <> 0 THEN date("cancelled" / 1000 + 25200, 'unixepoch') ELSE strftime('%Y-%m-%d %H:%M:%SZ', "cancelled" / 1000, 'unixepoch') END AS "cancelled", CASE WHEN "returned" % 1000 <> 0 THEN date("returned" / 1000 + 25200, 'unixepoch') ELSE strftime('%Y-%m-%d %H:%M:%SZ', "returned" / 1000, 'unixepoch') END AS "returned", "parked" AS "parked", "disputed" AS "disputed", "consent" AS "consent", "loyalty" AS "loyalty", version FROM orders;
CREATE INDEX narrow_3c0eb074d15b ON orders ("account", "ordered");
CREATE INDEX narrow_ae99315bc62c ON orders ("ordered") WHERE (("paid" IS NULL OR "paid_amount" IS NOT NULL) AND ("total" - coalesce("paid_amount", 0) - coalesce("credited", 0)) >= 10000 AND "cancelled" IS NULL);
COMMIT;
