namespace Vae.Torch;

public static partial class torch
{
    /// <summary>Layers. <c>replicas</c> is K; <c>generators</c>, one per replica, make the initial weights (default: the process-wide one).</summary>
    public static partial class nn
    {
        /// <inheritdoc cref="Vae.Torch.Linear"/>
        public static Linear Linear(long inputSize, long outputSize, bool hasBias = true, int replicas = 1, IReadOnlyList<Generator>? generators = null) =>
            new(inputSize, outputSize, hasBias, replicas, generators);

        /// <inheritdoc cref="Vae.Torch.Conv2d"/>
        public static Conv2d Conv2d(long in_channels, long out_channels, long kernel_size, long stride = 1, long padding = 0, long dilation = 1, long groups = 1, bool bias = true,
            int replicas = 1, IReadOnlyList<Generator>? generators = null) =>
            new(new(in_channels, out_channels, kernel_size, stride, padding, 0, dilation, groups), bias, replicas, generators);

        /// <inheritdoc cref="Vae.Torch.ConvTranspose2d"/>
        public static ConvTranspose2d ConvTranspose2d(long in_channels, long out_channels, long kernel_size, long stride = 1, long padding = 0, long output_padding = 0, long groups = 1,
            bool bias = true, int replicas = 1, IReadOnlyList<Generator>? generators = null) =>
            new(new(in_channels, out_channels, kernel_size, stride, padding, output_padding, 1, groups), bias, replicas, generators);

        /// <inheritdoc cref="Vae.Torch.GroupNorm"/>
        public static GroupNorm GroupNorm(long num_groups, long num_channels, double eps = 1e-5, int replicas = 1) => new(num_groups, num_channels, eps, replicas);

        /// <inheritdoc cref="Vae.Torch.Sequential"/>
        public static Sequential Sequential(params ReadOnlySpan<Module<Tensor, Tensor>> modules) => new(modules);

        /// <summary>max(x, 0).</summary>
        public static Activation ReLU() => new(static x => x.relu(), ActivationKind.Relu);

        /// <summary>Hyperbolic tangent.</summary>
        public static Activation Tanh() => new(static x => x.tanh(), ActivationKind.Tanh);

        /// <summary>x times the normal distribution function.</summary>
        public static Activation GELU() => new(static x => x.gelu(), ActivationKind.Gelu);

        /// <summary>x sigmoid(x).</summary>
        public static Activation SiLU() => new(static x => x.silu(), ActivationKind.Silu);

        /// <summary>x, or slope times x below 0.</summary>
        public static Activation LeakyReLU(double negative_slope = 0.01) => new(x => x.leaky_relu(negative_slope), ActivationKind.LeakyRelu, negative_slope);

        /// <summary>x, or e^x - 1 below 0.</summary>
        public static Activation ELU() => new(static x => x.elu(), ActivationKind.Elu);

        /// <summary>ln(1 + e^x).</summary>
        public static Activation Softplus() => new(static x => x.softplus(), ActivationKind.Softplus);

        /// <summary>1 / (1 + e^-x).</summary>
        public static Activation Sigmoid() => new(static x => x.sigmoid(), ActivationKind.Sigmoid);

        /// <summary>x.</summary>
        public static Activation Identity() => new(static x => x, ActivationKind.Identity);

        /// <summary>All dimensions but the first as one.</summary>
        public static Activation Flatten() => new(static x => x.flatten(1));

        /// <summary>Functions of tensors.</summary>
        public static partial class functional
        {
            /// <summary>max(x, 0).</summary>
            public static Tensor relu(Tensor x) => x.relu();

            /// <summary>Hyperbolic tangent.</summary>
            public static Tensor tanh(Tensor x) => x.tanh();

            /// <summary>x times the normal distribution function.</summary>
            public static Tensor gelu(Tensor x) => x.gelu();

            /// <summary>x sigmoid(x).</summary>
            public static Tensor silu(Tensor x) => x.silu();

            /// <summary>x, or slope times x below 0.</summary>
            public static Tensor leaky_relu(Tensor x, double negative_slope = 0.01) => x.leaky_relu(negative_slope);

            /// <summary>x, or e^x - 1 below 0.</summary>
            public static Tensor elu(Tensor x) => x.elu();

            /// <summary>ln(1 + e^x).</summary>
            public static Tensor softplus(Tensor x) => x.softplus();

            /// <summary>1 / (1 + e^-x).</summary>
            public static Tensor sigmoid(Tensor x) => x.sigmoid();

            /// <summary>Softmax over one dimension.</summary>
            public static Tensor softmax(Tensor x, long dim) => x.softmax(dim);

            /// <summary>Logarithm of the softmax over one dimension.</summary>
            public static Tensor log_softmax(Tensor x, long dim) => x.log_softmax(dim);
        }
    }
}
