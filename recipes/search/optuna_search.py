"""Search the settings of a recipe with Optuna: TPE by default, CMA-ES with --sampler cmaes.

    pip install optuna cmaes
    python recipes/search/optuna_search.py recipe.yaml merged/search --trials 40

The recipe's `sweep:` names the settings (ranges or lists) and the evaluation. m2merge merges, evaluates and
remembers; this script only asks. Run again with the same seed, it goes through what is known without merging again.
CMA-ES needs at least two ranges; what is a list it draws at random.
"""
import argparse
import json
import shlex
import subprocess

import optuna


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe")
    parser.add_argument("folder")
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--batch", type=int, default=1, help="variants merged together, from one read")
    parser.add_argument("--sampler", choices=["tpe", "cmaes", "random"], default="tpe")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--m2merge", default="m2merge", help="the command, as \"npx m2merge\"")
    args = parser.parse_args()

    command = shlex.split(args.m2merge) + ["sweep", args.recipe, args.folder, "--ask-tell"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def answer():
        line = process.stdout.readline()
        if line == "":
            raise SystemExit(f"m2merge ended with exit code {process.wait()}")
        return json.loads(line)

    ready = answer()
    samplers = {
        # Trials of a batch are asked for before their outcomes are known; the liar keeps them apart.
        "tpe": lambda seed: optuna.samplers.TPESampler(seed=seed, constant_liar=args.batch > 1),
        "cmaes": lambda seed: optuna.samplers.CmaEsSampler(seed=seed),
        "random": lambda seed: optuna.samplers.RandomSampler(seed=seed),
    }
    direction = "maximize" if ready["objective"]["maximize"] else "minimize"
    study = optuna.create_study(direction=direction, sampler=samplers[args.sampler](args.seed))

    def suggest(trial, name, values):
        if "choices" in values:
            # Optuna takes numbers and texts; a choice may be a list or a mapping.
            choices = {json.dumps(choice): choice for choice in values["choices"]}
            return choices[trial.suggest_categorical(name, list(choices))]
        # Four digits are enough for any setting, and make names that can be read.
        value = trial.suggest_float(name, values["minimum"], values["maximum"], log=values["log"])
        return float(f"{value:.4g}")

    for first in range(0, args.trials, args.batch):
        trials = [study.ask() for _ in range(min(args.batch, args.trials - first))]
        questions = [
            {"id": trial.number, "settings": {name: suggest(trial, name, v) for name, v in ready["space"].items()}}
            for trial in trials
        ]
        process.stdin.write(json.dumps(questions) + "\n")
        process.stdin.flush()
        for trial, question in zip(trials, questions):
            told = answer()
            score = told.get("score")
            if score is None:
                study.tell(trial, state=optuna.trial.TrialState.FAIL)
            else:
                study.tell(trial, score)
            outcome = f"{score:.4f}" if score is not None else told.get("problem") or told.get("message")
            print(trial.number, question["settings"], outcome, flush=True)

    process.stdin.close()
    done = answer()
    print("best", done["best"])
    raise SystemExit(process.wait())


if __name__ == "__main__":
    main()
