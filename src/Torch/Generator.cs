using System.Runtime.InteropServices;
using Vae.Torch.Interop;

namespace Vae.Torch;

public static partial class torch
{
    /// <summary>Seeds the process-wide generators of all devices.</summary>
    public static void manual_seed(long seed) => Status.Check(NativeProcess.vae_manual_seed((ulong)seed));

    /// <summary>A source of random numbers on the host (Mersenne Twister, as PyTorch's); owns its native state.</summary>
    public sealed class Generator : SafeHandle
    {
        /// <summary>A generator in the state that follows the seed; the same numbers as PyTorch's with that seed.</summary>
        public Generator(ulong seed) : base(0, ownsHandle: true) => SetHandle(Made(NativeProcess.vae_generator_new(seed)));

        private Generator(nint handle) : base(0, ownsHandle: true) => SetHandle(handle);

        /// <summary>The process-wide generator of the host.</summary>
        public static Generator Default => new(Made(NativeProcess.vae_generator_default()));

        /// <inheritdoc/>
        public override bool IsInvalid => handle == 0;

        /// <summary>Starts again from a seed. Returns itself.</summary>
        public Generator manual_seed(ulong seed)
        {
            using var hold = new Hold(this);
            Status.Check(NativeProcess.vae_generator_seed(hold.Handle, seed));
            return this;
        }

        /// <summary>The whole state as bytes, for checkpoints.</summary>
        public byte[] State
        {
            get
            {
                using var scope = NewDisposeScope();
                using var hold = new Hold(this);
                return Tensor.Wrap(NativeProcess.vae_generator_state(hold.Handle)).ToArray<byte>();
            }
            set
            {
                using var scope = NewDisposeScope();
                using var hold = new Hold(this);
                Status.Check(NativeProcess.vae_generator_set_state(hold.Handle, tensor(value).Handle));
            }
        }

        /// <inheritdoc/>
        protected override bool ReleaseHandle()
        {
            NativeProcess.vae_generator_free(handle);
            return true;
        }

        private static nint Made(nint handle)
        {
            if (handle == 0) Status.Throw();
            return handle;
        }

        /// <summary>Keeps the native generator alive during one call.</summary>
        internal readonly ref struct Hold
        {
            private readonly Generator? _generator;

            internal Hold(Generator? generator)
            {
                _generator = generator;
                var added = false;
                generator?.DangerousAddRef(ref added);
            }

            internal nint Handle => _generator?.handle ?? 0;

            public void Dispose() => _generator?.DangerousRelease();
        }
    }
}
