using System.Runtime.InteropServices;

namespace Vae.Torch.Interop;

/// <summary>Mirror of native/optim.cpp.</summary>
internal static unsafe partial class NativeOptim
{
    [LibraryImport(Library.Name)] internal static partial int vae_adam_step(nint parameters, nint gradients, nint averages, nint squares, long* offsets, long* lengths, int segments, int replicas, ReplicaSettings* settings, nint table);
    [LibraryImport(Library.Name)] internal static partial int vae_sgd_step(nint parameters, nint gradients, nint buffers, long* offsets, long* lengths, int segments, int replicas, ReplicaSettings* settings, nint table);

    [LibraryImport(Library.Name)] internal static partial int vae_optimizer_table(ReplicaSettings* settings, int replicas, int adam, nint table);

    /// <summary>Rows of the table of <see cref="vae_optimizer_table"/>.</summary>
    internal const int TableRows = 11;

    /// <summary>What one replica's update needs; field for field the struct of the same name in optim.h.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct ReplicaSettings
    {
        internal double LearningRate;
        internal double Beta1;
        internal double Beta2;
        internal double Epsilon;
        internal double WeightDecay;
        internal double Momentum;
        internal double Dampening;
        internal double Clip;
        internal double Norm;
        internal long Step;
        internal int Active;
        internal int Decoupled;
        internal int Nesterov;
        internal int Reserved;
    }
}
