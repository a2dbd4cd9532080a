"""The long texts of the Help screen, in Markdown.

It does not know: how they are laid out.
"""

from __future__ import annotations

FIRST_STEPS = """
## The first ten minutes

1. **Data**: click *Start the quick demo*. A sample data set and a small model are ready; nothing has to be downloaded.
2. **Monitor**: watch the two losses fall. You may close the page, reload it or open it twice: the run goes on.
3. **Chat**: ask the base model and the tuned one the same question, side by side.
4. **Evaluate**: measure on held-out rows whether tuning helped. "No measurable difference" and "worse" are answers, too.
5. **Review**: have health professionals rate both answers without knowing whose they are. No figure replaces that.
6. **Export**: take the adapter home, with its model card and what was measured.
7. Then bring your own questions and answers on **Data**, and choose a larger model on **Train** if you have a GPU.

The demo model is tiny. It shows the way; its answers are often wrong.
"""

WORDS = """
| word | what it means |
|---|---|
| base model | The language model you start from. It is never changed. |
| adapter (LoRA) | A small set of extra weights that is trained instead of the model, a few megabytes in size. |
| QLoRA | LoRA on a base whose weights are kept in 4 bits, so that a large model fits on one GPU. |
| rank, alpha | How much the adapter can hold, and how strongly it counts. |
| epoch, step | One pass over all rows; one change of the weights. |
| learning rate | How far a step goes. |
| train loss | How surprised the model is by the rows it learns. Lower is better; for an orientation, 0 would be knowing them by heart. |
| eval loss | The same on rows it never learns. **This is the one to watch.** When it rises while train loss falls, it overfits. |
| checkpoint | A saved state from which a run can go on. |
| token | A piece of a word; about four letters. |
| temperature, top-p | How freely it chooses words. Temperature 0 always takes the likeliest. |
"""

RESULTS = """
| word | what it means |
|---|---|
| held-out rows | Rows of your data that are kept apart. The model never learns them, so they show how it does on new questions. |
| benchmark | Exam questions with known right options. Shows knowledge of that exam, not how well a patient would be answered. |
| safety probes | Made-up urgent cases, harmful requests and trick questions. Rules judge the answers; you can overrule each. |
| blind review | Health professionals rate two answers without knowing which model gave which. |
| 95 % interval | The range that fits what was seen: by "61 % (48 to 73)" the true share may well be 48 or 73. Few items, wide range. |
| p | How often chance alone would show such a difference if both were equally good. It says nothing of how much that matters. |
| McNemar, Wilcoxon | The tests that give p: for right or wrong, and for scores. Both compare the two answers to the same item. |
| corrected by Holm | Of many comparisons one looks good by chance, so with more of them p has to be smaller. |
| better, worse | Beyond what chance explains: p is below 0.05, and the interval of the difference leaves out zero. |
| no measurable difference | With this many items, chance alone explains what is seen. It does **not** mean that both are equally good. |
| too few items | Below ten items nothing is said. |
| gained, lost | Items that tuned got right and base did not, and the other way round. |
| points | Difference of two percentages: from 50 % to 53 % is 3 points. |
| perplexity | The loss, written as a number of choices: between how many next tokens the model hesitates, on average. |
| ROUGE-L, token F1 | Words shared with the reference, 0 to 1. **Likeness is not correctness**: a single "not" hardly changes it. |
| kappa (Cohen, Fleiss) | How far raters agree beyond chance: 1 always, 0 no more than chance, below 0 less than chance. |
"""

TROUBLE = """
| what you see | what to do |
|---|---|
| *does not fit* in the plan | Follow the change named there: usually 4-bit weights, shorter rows, or a smaller model. |
| Out of memory while training | The run says which smaller setting it tries next. Close other programs that use the GPU. |
| Loss breaks away or is NaN | Lower the learning rate to a third. On old GPUs choose fp32 or a bf16 card. |
| Eval loss rises early | Fewer epochs, more data, a lower rank; turn on early stopping. |
| The answers never end | Check the shaded text on Train: the last shaded token must be the end mark. |
| A model is *gated* | Open its page on the Hub, accept the licence, set the environment variable HF_TOKEN, restart. |
| The run is *interrupted* | The machine or the app went away. Press *Resume*: it goes on from the last whole checkpoint. |
| The page says the port is taken | Another copy runs. Stop it, or start with `--port 7861`. |
| No GPU, and it is slow | That is expected: use the default model and short rows, or run it on Colab. |
| The chat refuses while training | One thing at a time uses the machine. Pause the run, chat, then resume. |
"""

ETHICS = """
**What this is for:** research and teaching about how language models learn medical questions and answers.

**What it is not for:** diagnosis, triage, treatment or advice to patients. It is not a medical device in any country.

- **No patient data.** Do not upload records of real people, not even without names, unless your institution has approved it.
  The identifier check helps; it does not replace that decision.
- **A fluent answer may be wrong.** Fine-tuning teaches a way of answering more than it teaches facts. It can make a model sound
  more certain without being more right.
- **A low loss is not safety.** Have health professionals judge the answers before anyone relies on anything.
- **Bias travels with data.** Whom do your rows describe, and whom do they leave out?
- **Licences count.** The base model's licence and the data's licence both bind the adapter you share.
- **Say what you did.** The export carries a model card and an audit file, marked *not reviewed* until a named professional signs.

In an emergency, call your local emergency number. No language model replaces that call.
"""

PRIVACY = """
- Everything stays in the folder the app writes to (`MEDFT_HOME`, else `data/`). Nothing is sent anywhere unless you push to the
  Hub or choose a tracker under *Also report to*.
- Uploads are read once, copied into the data set's folder and then deleted from the upload folder.
- Questions in the chat are not stored, unless somebody marks an answer as good, poor or flagged: then it is kept with that
  remark. Record text is never written to a log.
- The app listens on this machine only. For other machines it insists on a user and a password (`MEDFT_USER`, `MEDFT_PASSWORD`).
- The Hub's token comes from `HF_TOKEN` or the Hub's own login. It is never stored or shown here.
"""

SCRIPTS = """
Every step can be scripted with Gradio's client (`pip install gradio_client`):

```python
from gradio_client import Client, handle_file

studio = Client("http://127.0.0.1:7860")
made = studio.predict(handle_file("my.jsonl"), "My questions", api_name="/upload_dataset")
run = studio.predict(made["dataset_id"], {"epochs": 2}, api_name="/start_training")
print(studio.predict(run["run_id"], api_name="/status"))
```

The README lists all of them. Settings that are left out take the recommended value.
"""

SECTIONS: tuple[tuple[str, str], ...] = (
    ("What the words mean", WORDS),
    ("What the results mean", RESULTS),
    ("When something does not work", TROUBLE),
    ("Ethics and limits", ETHICS),
    ("Where your data go", PRIVACY),
    ("Scripting the app", SCRIPTS),
)
