// One import for a program that pretrains, or uses what was pretrained.
@_exported public import Autodiff
@_exported public import EncoderFiles
@_exported public import Evaluation
@_exported public import ImageData
@_exported public import ImageMasking
@_exported public import Optimizers
@_exported public import Pretraining
@_exported public import PretrainingMethods
@_exported public import RecipeSchema
@_exported public import Reporting
@_exported public import TrainingStep
@_exported public import VisionTransformers
