"""A launcher with small programs in place of servers: `python -m tests.launcher.stage NAME...`."""

import os
import sys

from scripts.children import Program
from scripts.supervisor import StopRequested, Supervisor

SAY_READY = "from newsletter.readiness import announce; announce(); print('up', flush=True);"
PROGRAMS = {
    # Has a child and a grandchild of its own, in the same group, as server workers are.
    "family": "import subprocess, sys, time;"
    "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
    f"{SAY_READY} time.sleep(600)",
    "plain": f"import time; {SAY_READY} time.sleep(600)",
    "stubborn": f"import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SAY_READY}"
    "time.sleep(600)",
    # Its child leaves the group, as PostgreSQL's backends do.
    "runaway": "import subprocess, sys, time;"
    "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'],"
    f" start_new_session=True); {SAY_READY} time.sleep(600)",
    "broken": "raise SystemExit('no good')",
    "slow_to_stop": "import signal, sys, time;"
    "signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.5), print('bye', flush=True),"
    f" sys.exit())); {SAY_READY} time.sleep(600)",
    "chatty": f"import time; {SAY_READY}\nwhile True: print('tick', flush=True); time.sleep(0.1)",
    # What it prints first has long been passed on when it says that it is ready.
    "late": f"import time; print('begun', flush=True); time.sleep(1.5); {SAY_READY}time.sleep(600)",
    "waits": "import time; time.sleep(600)",  # never says that it is ready
}


def main(names: list[str]) -> int:
    with Supervisor() as supervisor:
        try:
            for order, name in enumerate(names):
                environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.environ["PYTHONPATH"]}
                supervisor.start(
                    Program(
                        name,
                        [sys.executable, "-c", PROGRAMS[name]],
                        environment,
                        stop_order=order,
                        stop_within=float(os.environ.get("STOP_WITHIN", "600")),
                    )
                )
            supervisor.wait_ready(within=180)
            supervisor.say("ALL READY")
            supervisor.forever()
        except StopRequested:
            supervisor.say("Stopping ...")
    supervisor.say("ended")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
