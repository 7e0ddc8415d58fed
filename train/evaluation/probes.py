"""Classifiers of key and timbre, trained here on the vectors of features.py."""
import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import features


def transposed(harmony, semitones):
    """[N, rows * 12] as if the music were so much higher."""
    rows = np.asarray(harmony).reshape(len(harmony), features.NUM_CHROMA_ROWS, 12)
    return np.roll(rows, semitones, axis=2).reshape(len(harmony), -1)


def transposed_keys(keys, semitones):
    keys = np.asarray(keys)
    return keys // 12 * 12 + (keys + semitones) % 12


class KeyProbe:
    """Sees every clip in all twelve transpositions, and answers with the mean over them."""

    def __init__(self, harmony, keys, seed=0):
        harmony = np.sqrt(harmony)
        inputs = np.concatenate([transposed(harmony, s) for s in range(12)])
        targets = np.concatenate([transposed_keys(keys, s) for s in range(12)])
        self.model = make_pipeline(StandardScaler(), MLPClassifier(
            (96,), alpha=0.1, batch_size=256, learning_rate_init=2e-3, max_iter=40,
            random_state=seed))
        self.model.fit(inputs, targets)

    def log_probabilities(self, harmony):
        """[N, rows * 12] -> [N, 24], by the order of analysis.KEYS."""
        harmony = np.sqrt(harmony)
        total = np.zeros((len(harmony), 24))
        for s in range(12):
            found = self.model.predict_proba(transposed(harmony, s))
            total += np.log(found[:, transposed_keys(np.arange(24), s)] + 1e-9)
        return total / 12


class LabelProbe:
    """What timbre tells. Many numbers and few clips: a linear model with shrunk covariance."""

    def __init__(self, timbre, labels):
        self.model = make_pipeline(
            StandardScaler(), LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"))
        self.model.fit(timbre, labels)
        self.labels = list(self.model.classes_)

    def log_probabilities(self, timbre):
        """[N, numbers] -> [N, labels], by the order of self.labels."""
        return np.log(self.model.predict_proba(timbre) + 1e-9)


class Probes:
    """The probes of one column, trained on clips whose songs are in no other use."""

    def __init__(self, clips, analyses, seed=0):
        harmony = np.array([a["harmony"] for a in analyses])
        timbre = np.array([a["timbre"] for a in analyses])
        self.key = KeyProbe(harmony, [clip.key for clip in clips], seed)
        self.lead = LabelProbe(timbre, [clip.lead for clip in clips])
        self.drums = LabelProbe(timbre, [clip.drums for clip in clips])

    def opinions(self, analyses):
        """A dict of log probabilities for each analysis: key [24], lead and drums by label."""
        harmony = np.array([a["harmony"] for a in analyses])
        timbre = np.array([a["timbre"] for a in analyses])
        return [{"key": key,
                 "lead": dict(zip(self.lead.labels, lead)),
                 "drums": dict(zip(self.drums.labels, drums))}
                for key, lead, drums in zip(self.key.log_probabilities(harmony),
                                            self.lead.log_probabilities(timbre),
                                            self.drums.log_probabilities(timbre))]
