/*
 * The words of alarms, by their codes. The gate `alarms` has a row here for each code that the service can raise, and
 * one in docs/keys.md; what holds for one reason of a code only, alarms.c says.
 */
#include "alarm_words.h"

#include <string.h>

static const struct alarm_words words[] = {
    {"anchor.late",
     "no newer checkpoint has come into a block for long: only witnesses and kept checkpoints guard the trail",
     "the log of custodyd has anchor.submit and why; if no block comes at all, look at the signer of role validator"},
    {"compromise.drill_overdue", "nobody has rehearsed for a year what is done when a key is lost",
     "nothing at night; then custody compromise with --drill (docs/keys.md)"},
    {"copy.lag", "the newest entries of the trail are on this host alone: lost or rewritten here, nobody has them",
     "look at the copier on the other host: custody audit copy runs, and exits with 1 when the log contradicts it"},
    {"destination.lost", "the signer pays to this address, and the database hides it: somebody wrote there",
     "custody destination revoke with its digest; then find out who wrote into the database"},
    {"destination.refused", "rows of the allow-list are not what the signer takes: nothing is paid to such an address",
     "the reason and the log of custodyd say why; the quorum signs the entry again, or somebody wrote "
     "into the database"},
    {"freeze.state", "this was stopped: nothing of it is signed until the quorum thaws it",
     "leave it frozen; custody freeze list says who and why; find out whether there is a reason before anybody thaws"},
    {"key.attestation_alarm", "papers of the key in the database do not verify, or are gone: its address is not shown",
     "not_found: hand its key document in again; else somebody wrote into the database: give its address to nobody"},
    {"key.attestation_overdue", "nobody has proven for long that the key is there: its address is not shown any more",
     "see that its signer and token work; of an attended key the custodians come: custody activate"},
    {"key.copied_use", "a transaction of this key was seen that nobody here asked for: somebody may have a copy of it",
     "leave it suspended; stop everything that the token holds: custody compromise (docs/keys.md); after a "
     "backup of the database first docs/incident.md, step 9"},
    {"key.cryptoperiod", "the key is in use after its time", "nothing at night; rotate it (docs/keys.md, Rotation)"},
    {"key.drill_overdue", "nobody has shown for long that the backup of the key can be restored",
     "nothing at night; a restore drill on a spare token: signerd restore --drill (docs/hsm.md)"},
    {"key.receipt_alarm", "somebody paid to an address that must not receive: it is set apart, and is nobody's yet",
     "ask who sent it; it goes back by a withdrawal: custody propose --returns TX"},
    {"key.state", "the signer has stopped this key, or the quorum has given it up: nothing of it is signed but sweeps",
     "do not resume it; cause bad-signature or repeated-r: no more use of that token; cause alarm: "
     "as for key.copied_use"},
    {"medium.overdue", "nobody has looked in time whether a medium with a secret is where it should be",
     "in the morning two people look: custody media tell SERIAL inspect"},
    {"medium.unconfirmed", "one person told what happened to a medium, and the second does not confirm it",
     "ask both, apart from each other; then custody media confirm, or refuse"},
    {"person.differs", "a signer lets the word of a person count that another one does not",
     "if somebody is to be stopped: custody person suspend again, at each signer (--socket)"},
    {"pii.limit", "a person wanted to see more personal data in an hour than is allowed",
     "ask the person; if it was not their own doing: custody person suspend"},
    {"pii.lost", "personal data is gone that nobody had erased: somebody wrote into the database, or it has lost rows",
     "keep the database as it is and find out who; then the rows come back from a backup"},
    {"pii.returned", "rows of somebody who was erased are in the database again: a backup brought them back",
     "nothing at night; the privacy officer has them deleted, and looks for what else came back (docs/privacy.md)"},
    {"policy.unknown", "the signers go by a policy that the service does not have: nothing is decided",
     "custody policy send with that version; somebody may have deleted it from the database"},
    {"policy.waiting", "another policy takes force soon, at in_force_at",
     "custody policy list, custody policy show: if you do not know of it or disagree, custody policy veto now"},
    {"review.overdue", "uses of keys have not been reviewed for long: a wrong one would not be noticed",
     "nothing at night; an auditor: custody audit export, custody audit review"},
    {"signer.down", "a signer does not answer: what needs its signature waits, and nothing is lost",
     "on its host: its service and its log; start it again if it has ended. It says why when it refuses to start"},
    {"token.down", "a token does not work, or lacks a key: when there is no other one, what needs its keys waits",
     "look at the device and at the log of its signer; lacks_key: the key is restored onto it (docs/hsm.md)"},
    {"trail.corrupt", "a row of the trail is not what was signed: somebody wrote into the database",
     "do not start custodyd again and repair nothing; keep the database and the logs as they are (docs/incident.md)"},
    {"trail.halted", "the trail contradicts itself or what was signed: nothing is signed until people have decided",
     "do not start anything again and repair nothing; keep the database and the logs as they are (docs/incident.md)"},
    {"withdrawal.quarantined", "nobody can tell what became of a withdrawal; what it held stays held",
     "custody differences ID, then custody settle ID (docs/architecture.md)"},
    {"withdrawal.waiting", "a withdrawal is approved and will be signed at sign_at",
     "custody show ID: if you do not know of it or disagree, custody veto ID before then"},
    {"witness.down", "a witness outside does not cosign the trail; effects go on while enough others do",
     "if it is yours, see that it runs; else call who runs it; reason fork, proof_invalid or rollback: repair nothing "
     "(docs/witnesses.md)"},
    {"witness.gone", "too few witnesses cosign the trail: effects have stopped, and what stops something still works",
     "each witness.down names one and its reason; bring back as many as are missing (docs/witnesses.md)"},
};

const struct alarm_words *alarm_words_find(const char *code)
{
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(words[i].code, code) == 0) {
            return &words[i];
        }
    }
    return NULL;
}
