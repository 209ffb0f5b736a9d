namespace Vae.Shared.Sweeps;

/// <summary>The rows of the block <c>model</c>.</summary>
internal static class ModelFields
{
    public static Section<ModelSpec> Section { get; } = new("model", "The model of a trial.", new ModelSpec(),
        new Field<ModelSpec, ModelFamily>("family", new Choice<ModelFamily>(), m => m.Family, (m, v) => m with { Family = v },
            "The kind of model. `conditional` is given each row's label, `m2` infers it where it is missing, `vq` has a codebook instead of a posterior, `ladder` several layers of latents.")
        { Aliases = ["kind", "model", "variant"] },
        new Field<ModelSpec, Architecture>("architecture", new Choice<Architecture>(), m => m.Architecture, (m, v) => m with { Architecture = v },
            "`mlp`: fully connected layers. `conv`: convolutions of kernel 4 and stride 2, and their mirror image as decoder. `resnet`: the same with residual blocks at each resolution.")
        { Aliases = ["type", "arch"] },
        new Field<ModelSpec, ValueList<int>>("encoder", new WholeList(0, 16, 1, 65_536), m => m.Encoder, (m, v) => m with { Encoder = v },
            "`mlp`: hidden widths, input side first; none make a linear encoder. A `ladder` has one for each layer of latents and starts from [512, 256, 128, 64, 32].")
        { Aliases = ["hidden_dims", "layers", "widths"] },
        new Field<ModelSpec, ValueList<int>?>("decoder", new OptionalObject<ValueList<int>>(new WholeList(0, 16, 1, 65_536), "mirror"), m => m.Decoder, (m, v) => m with { Decoder = v },
            "`mlp`: hidden widths, latent side first. `mirror`: the encoder's, reversed."),
        new Field<ModelSpec, ValueList<int>?>("channels", new OptionalObject<ValueList<int>>(new WholeList(1, 8, 1, 4_096), "auto"), m => m.Channels, (m, v) => m with { Channels = v },
            "`conv`, `resnet`: output channels of the convolutions, each of which halves the image. `auto`: [32, 32, 64, 64] from 64 pixels, else [32, 64]."),
        new Field<ModelSpec, int>("hidden", new WholeNumber<int>(1, 65_536), m => m.Hidden, (m, v) => m with { Hidden = v },
            "`conv`, `resnet`: width of the dense layer between convolutions and latent."),
        new Field<ModelSpec, int>("blocks", new WholeNumber<int>(1, 16), m => m.Blocks, (m, v) => m with { Blocks = v },
            "`resnet`: residual blocks at each resolution.")
        { Aliases = ["residual_blocks", "num_blocks", "depth"] },
        new Field<ModelSpec, int>("groups", new WholeNumber<int>(1, 64), m => m.Groups, (m, v) => m with { Groups = v },
            "`resnet`: groups of channels that are normalised together; they divide every number of channels.")
        { Aliases = ["num_groups", "norm_groups"] },
        new Field<ModelSpec, int>("latent", new WholeNumber<int>(1, 4_096), m => m.Latent, (m, v) => m with { Latent = v },
            "Latent dimensions. `vq` with `mlp`: code positions. A `ladder` has `ladder` instead.")
        { Aliases = ["latent_dim", "latent_size", "latent_dims", "z_dim", "latents"] },
        new Field<ModelSpec, Likelihood>("likelihood", new Choice<Likelihood>(), m => m.Likelihood, (m, v) => m with { Likelihood = v },
            "What the decoder's output means: logits of bits, means of a Gaussian, natural parameters of a continuous Bernoulli for grey values in 0 to 1, or means of a logistic distribution over 256 grey levels.")
        { Aliases = ["loss", "reconstruction"] },
        new Field<ModelSpec, double?>("variance", new OptionalValue<double>(new RealNumber(0, 1e6, minOpen: true), "learned"), m => m.Variance, (m, v) => m with { Variance = v },
            "`gaussian`: a fixed variance. `learned`: one variance for all pixels, trained with the weights."),
        new Field<ModelSpec, Activation>("activation", new Choice<Activation>(), m => m.Activation, (m, v) => m with { Activation = v },
            "The nonlinearity after every hidden layer."),
        new Field<ModelSpec, Prior>("prior", new Choice<Prior>(), m => m.Prior, (m, v) => m with { Prior = v },
            "Of the latents: standard normal, or a mixture of the posteriors of learned pseudo-inputs (VampPrior)."),
        new Field<ModelSpec, int>("pseudo_inputs", new WholeNumber<int>(1, 10_000), m => m.PseudoInputs, (m, v) => m with { PseudoInputs = v },
            "`vamp`: components of the mixture.")
        { Aliases = ["number_components", "num_pseudo_inputs", "components"] },
        new Field<ModelSpec, ValueList<int>>("ladder", new WholeList(2, 5, 1, 4_096), m => m.Ladder, (m, v) => m with { Ladder = v },
            "`ladder`: latents of the layers, data side first.")
        { Aliases = ["latents_per_layer", "ladder_latents"] },
        new Field<ModelSpec, int>("codes", new WholeNumber<int>(2, 65_536), m => m.Codes, (m, v) => m with { Codes = v },
            "`vq`: entries of the codebook.")
        { Aliases = ["num_embeddings", "codebook_size", "codebook", "embeddings"] },
        new Field<ModelSpec, int>("code_size", new WholeNumber<int>(1, 4_096), m => m.CodeSize, (m, v) => m with { CodeSize = v },
            "`vq`: numbers of one code.")
        { Aliases = ["embedding_dim", "code_dim"] },
        new Field<ModelSpec, int>("code_prior_width", new WholeNumber<int>(1, 4_096), m => m.CodePriorWidth, (m, v) => m with { CodePriorWidth = v },
            "`vq`: width of the autoregressive prior over codes, which generation needs.")
        { Aliases = ["prior_width"] },
        new Field<ModelSpec, int?>("classes", new OptionalValue<int>(new WholeNumber<int>(2, ModelSpec.ClassesMax), "auto"), m => m.Classes, (m, v) => m with { Classes = v },
            "`conditional`, `m2`: how many labels there are. `auto`: the 3 shapes of sprites, else 10.")
        { Aliases = ["num_classes", "n_classes", "num_labels"] },
        new Field<ModelSpec, OutputBias?>("output_bias", new OptionalValue<OutputBias>(new Choice<OutputBias>(), "auto"), m => m.OutputBias, (m, v) => m with { OutputBias = v },
            "How the decoder's last bias begins. `random`: as other weights. `data`: so that every image is the mean of the training images. `auto`: `data` in a ladder and with a vamp prior behind tanh layers, else `random`.")
        { Aliases = ["output_start", "init_output", "bias_init", "decoder_bias"] });
}
