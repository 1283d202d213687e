"""Where people are in pictures, by public networks: the teacher of the small network that `general` has for them.

    python benchmarks/general_people.py FRAMES.npz PEOPLE.npz

Needs `mediapipe` (0.10.14, Apache-2.0), which carries its networks in its wheel and wants an environment of its own.
FRAMES.npz holds arrays (N, h, w, 3) uint8; PEOPLE.npz gets, under the same names, (N, 2, 20, 20) float16: the share of
each cell that is a person (selfie segmentation), and that is a head with its chest (three face widths, from half a face
above the face to two below it; the whole person where no face is found).
"""

import sys

import mediapipe
import numpy as np

CELLS, SURE = 20, 0.5


def cells_of(mask: np.ndarray) -> np.ndarray:
    """(20, 20) means of a square mask whose side is a multiple of 20."""
    side = mask.shape[0] // CELLS
    return mask.reshape(CELLS, side, CELLS, side).mean((1, 3))


def people(frame: np.ndarray, segmentation, faces) -> np.ndarray:
    """(2, 20, 20) of one picture."""
    height, width = frame.shape[:2]
    person = cells_of(segmentation.process(frame).segmentation_mask)
    busts = np.zeros((height, width), np.float32)
    for face in faces.process(frame).detections or []:
        box = face.location_data.relative_bounding_box
        if face.score[0] >= SURE:
            left, right = box.xmin - box.width, box.xmin + 2 * box.width
            top, bottom = box.ymin - 0.6 * box.height, box.ymin + 3 * box.height
            rows, columns = (slice(max(0, round(a)), max(0, round(b)))
                             for a, b in ((top * height, bottom * height), (left * width, right * width)))  # fmt: skip
            busts[rows, columns] = 1
    return np.stack([person, cells_of(busts) if busts.any() else person])


def main() -> None:
    solutions = mediapipe.solutions
    segmentation = solutions.selfie_segmentation.SelfieSegmentation(model_selection=0)
    faces = solutions.face_detection.FaceDetection(model_selection=1, min_detection_confidence=0.3)
    with np.load(sys.argv[1]) as frames:
        found = {name: np.stack([people(np.ascontiguousarray(f), segmentation, faces) for f in frames[name]])
                 for name in frames.files}  # fmt: skip
    np.savez(sys.argv[2], **{name: part.astype(np.float16) for name, part in found.items()})


if __name__ == "__main__":
    main()
